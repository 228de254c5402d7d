"""One trial in a worker: an order becomes a training run and its outcome in the store."""
