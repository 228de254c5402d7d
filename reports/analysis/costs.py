"""What an arm costs: the metrics that a report counts as costs."""

from __future__ import annotations

from eisnn.metrics import METRICS

_COSTS = (
    "parameters",
    "seconds_per_epoch",
    "peak_memory_mb",
    "macs",
    "acs",
    "energy_nj",
    "firing_rate",
)
# What an axis says, and the factor from the stored unit to that one.
COSTS = {name: (METRICS[name].axis, METRICS[name].factor) for name in _COSTS}
