"""The only importer of Ray: Tune as a thin shell around the agenda, the cluster, shares, loggers, the display."""
