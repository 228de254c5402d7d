"""The columns of the study's tables, and CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from eisnn.metrics import EPOCH_METRICS, TRIAL_METRICS

HISTORY_COLUMNS = ("epoch", *EPOCH_METRICS)
EPOCH_COLUMNS = ("id", *HISTORY_COLUMNS)
OF_ROLE = ("id", "arm", "kind", "number", "repeat")
OF_OUTCOME = ("seed", "state", "reason", "epochs")
OF_TIME = ("started", "finished", "retries")
OVERRIDE = "override/"  # begins the columns of what an arm overrides in its base config
TRIAL_COLUMNS = (*OF_ROLE, *OF_OUTCOME, *TRIAL_METRICS, *OF_TIME)


def table_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns CSV text with numbers in full precision; a missing or None value is an empty cell."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(
        buffer, list(columns), restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
