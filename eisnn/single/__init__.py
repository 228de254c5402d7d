"""What ``python -m eisnn`` does: one run from a config file, and measuring saved weights."""
