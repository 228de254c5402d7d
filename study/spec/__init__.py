"""The study file: its models, its checks, its reader and its generated reference."""
