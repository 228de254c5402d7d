"""The mean costs of a replicate of each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from eisnn.metrics import METRICS
from reports.analysis.compare import ArmResult
from reports.analysis.costs import COSTS
from reports.analysis.words import number
from reports.tables.cells import digits_cell, text_cell
from reports.tables.table import Cell, Field, Table, build


def cost_table(results: Sequence[ArmResult], joules: Mapping[str, float]) -> Table:
    """Returns the means over completed replicates, without costs that no arm measured.

    ``joules`` were measured over all trials of each arm; see `reports.analysis.compute`.
    """

    def parameters(result: ArmResult) -> Cell:
        return Cell(number(result.costs["parameters"], 0), result.costs["parameters"])

    fields: list[Field[ArmResult]] = [
        Field("arm", lambda result: text_cell(result.arm), numeric=False),
        Field("parameters", parameters),
    ]
    for key in COSTS:
        is_measured = any(result.costs[key] == result.costs[key] for result in results)
        if key != "parameters" and is_measured:
            fields.append(_field(key))
    text = (
        "Means over completed replicates. Energy is an estimate for inference: 0.9 pJ an accumulate"
        " (AC), 4.6 pJ a multiply-accumulate (MAC); firing rate in spikes per cell and time step."
        " Seconds depend on what else the machine did."
    )
    if any(result.costs["rate_to_break_even"] < math.inf for result in results):
        text += (
            " Where rate / break-even is below 1, a spiking net takes less energy than an"
            " equal quantised one, data movement included (eisnn/diagnostics/break_even.py)."
        )
    if any(value == value for value in joules.values()):

        def measured(result: ArmResult) -> Cell:
            return digits_cell(joules.get(result.arm, math.nan) / 1000)

        fields.append(Field("measured, all trials (kJ)", measured))
        text += (
            " Measured energy is that of the processors' own counters (RAPL), and of graphics cards"
            " (NVML), where they can be read, while an arm's trials trained, searches and failures"
            " included, by their parts of the processor time and of the card."
        )
    raw = pd.DataFrame([{"arm": result.arm, **result.costs} for result in results])
    return build("cost", "Cost", text, fields, results, raw)


def _field(key: str) -> Field[ArmResult]:
    return Field(METRICS[key].cost, lambda result: digits_cell(result.costs[key], COSTS[key][1]))
