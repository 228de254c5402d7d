"""What a trial reports of an epoch."""

ROW = {
    "epoch": 1,
    "train/loss": 0.1 + 0.2,
    "train/accuracy": 0.5,
    "val/loss": 1.5,
    "val/accuracy": 0.25,
    "learning_rate": 0.1,
    "firing_rate": 0.2,
    "seconds": 0.5,
}
