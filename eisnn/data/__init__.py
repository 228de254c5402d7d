"""Datasets as tensors: readers, splits, transforms, and the cache of decoded files."""
