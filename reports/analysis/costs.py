"""The metrics that a report counts as an arm's costs."""

from __future__ import annotations

from eisnn.metrics import COST_METRICS, METRICS

# The label of an axis, and the factor from the stored unit to the axis' unit.
COSTS = {name: (METRICS[name].axis, METRICS[name].factor) for name in COST_METRICS}
