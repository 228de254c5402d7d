"""Saved runs and weights: ours, the authors', safetensors."""
