"""What ``python -m eisnn`` does: train one run from a config file, or measure saved weights."""
