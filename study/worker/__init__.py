"""Runs one trial in a worker: from an order to its outcome in the store."""
