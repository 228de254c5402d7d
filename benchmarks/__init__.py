"""Benchmarks: `python -m benchmarks.step`, `benchmarks.scaling`, `benchmarks.study`. README.md
holds the latest tables."""
