"""The only importer of Ray: Tune as thin shells around the agenda, and Ray's start and end."""
