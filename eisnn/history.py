"""history.csv: what a single run measured after each of its epochs, for reports to draw."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from eisnn.files import write_whole
from eisnn.metrics import EPOCH_METRICS

NAME = "history.csv"


class History:
    """The epochs so far; the file is replaced whole after each, so that a kill leaves no half
    row."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.rows: dict[int, dict[str, float]] = {}

    def add(self, metrics: dict[str, float]) -> None:
        """Adds an epoch. One that is reported again after a resume replaces its first report."""
        self.rows[int(metrics["epoch"])] = metrics
        own = dict.fromkeys(name for row in self.rows.values() for name in row)
        columns = ["epoch", *EPOCH_METRICS]
        columns += [name for name in own if name not in columns]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows[epoch] for epoch in sorted(self.rows))
        write_whole(self.path, text.getvalue().encode(), durable=False)
