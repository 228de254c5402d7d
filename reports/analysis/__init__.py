"""A study's folder as pure records: comparisons, ablations, searches, statistics."""
