"""What a trial measures: one table, from which columns, labels, directions and units come.

Add a metric by adding a row to `METRICS`. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["higher", "lower"]
Scope = Literal["epoch", "trial", "both"]
SPLITS = {"train/": "training", "val/": "validation", "test/": "test"}
BEST = "_best"  # ends the name of a test metric that was measured at the best validation epoch


@dataclass(frozen=True)
class Metric:
    """One number that a trial measures.

    Attributes:
        name: the key in reports of `eisnn.fit`, and the column in tables.
        label: what an axis or a heading says, without the unit.
        unit: the unit of the number shown, which is ``factor`` times the stored one; "" if it has
            none.
        better: which direction is an improvement; None if neither is.
        scope: measured after every epoch, once a trial, or both.
        timed: differs between two equal runs, because it measures time or memory.
        cost: the heading of its column where costs are listed; "" if it is none.
    """

    name: str
    label: str
    unit: str = ""
    factor: float = 1.0
    better: Better | None = None
    scope: Scope = "trial"
    timed: bool = False
    cost: str = ""

    @property
    def axis(self) -> str:
        """The label with its unit, as an axis shows it."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1, so that differences are given in points."""
        return self.unit == "%"

    @property
    def each_epoch(self) -> bool:
        return self.scope != "trial"

    @property
    def once(self) -> bool:
        """Whether a finished trial has one such number."""
        return self.scope != "epoch"


def _accuracy(name: str, label: str, scope: Scope = "trial") -> Metric:
    return Metric(name, label, "%", 100.0, "higher", scope)


def _timed(name: str, label: str, unit: str, cost: str) -> Metric:
    return Metric(name, label, unit, better="lower", timed=True, cost=cost)


def _counted(name: str, label: str, unit: str, factor: float, cost: str) -> Metric:
    return Metric(name, label, unit, factor, "lower", cost=cost)


_ROWS = (
    _accuracy("val/accuracy", "validation accuracy", "both"),
    Metric("val/loss", "validation loss", better="lower", scope="both"),
    _accuracy("val/accuracy_best", "best validation accuracy"),
    Metric("best_epoch", "best validation epoch"),
    _accuracy("train/accuracy", "training accuracy", "both"),
    Metric("train/loss", "training loss", better="lower", scope="both"),
    _accuracy("test/accuracy", "test accuracy"),
    Metric("test/loss", "test loss", better="lower"),
    _accuracy("test/accuracy_best", "test accuracy at the best validation epoch"),
    Metric(
        "firing_rate", "firing rate", "spikes per cell and step", scope="both", cost="firing rate"
    ),
    Metric("parameters", "parameters", better="lower", cost="parameters"),
    _timed("seconds_per_epoch", "training time per epoch", "s", "s / epoch"),
    _timed("peak_memory_mb", "peak memory", "MB", "peak memory (MB)"),
    _counted("macs", "multiply-accumulates per image", "M", 1e-6, "MACs / image (M)"),
    _counted("acs", "accumulates per image", "M", 1e-6, "ACs / image (M)"),
    _counted("energy_nj", "estimated energy per image", "µJ", 1e-3, "energy / image (µJ)"),
    Metric(
        "rate_to_break_even",
        "firing rate, in break-even rates",
        better="lower",
        cost="rate / break-even",
    ),
    Metric("joules", "measured energy of training", "J", better="lower", timed=True),
    Metric("learning_rate", "learning rate", scope="epoch"),
    Metric("seconds", "time of the epoch", "s", better="lower", scope="epoch", timed=True),
)
METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}

COST_METRICS = tuple(row.name for row in _ROWS if row.cost)
TRIAL_METRICS = tuple(row.name for row in _ROWS if row.once)
EPOCH_METRICS = (  # the order of the columns of history.csv and epochs.csv
    "train/loss",
    "train/accuracy",
    "val/loss",
    "val/accuracy",
    "learning_rate",
    "firing_rate",
    "seconds",
)


def judged(measured: Container[str]) -> Metric:
    """Returns the test metric that verdicts rest on, of those ``measured``.

    It is the accuracy, or the loss if there is none because targets are numbers.
    """
    has_accuracy = "test/accuracy" in measured or "test/loss" not in measured
    return METRICS["test/accuracy" if has_accuracy else "test/loss"]


def metric(name: str, own: Iterable[Metric] = ()) -> Metric:
    """The metric called ``name``: one of `METRICS`, one of the user's, or either at the best epoch.

    Args:
        own: the user's metrics, each under its bare name, such as ``f1``. On a split such a metric
            is called ``val/f1`` or ``test/f1``. A name that nobody declared gets a label made of
            itself, and higher is better.
    """
    if name in METRICS:
        return METRICS[name]
    if name.endswith(BEST):
        last = metric(name.removesuffix(BEST), own)
        label = f"{last.label} at the best validation epoch"
        return replace(last, name=name, label=label, scope="trial")
    split, bare = _split_of(name)
    declared = {row.name: row for row in own}
    known = declared.get(bare, Metric(bare, bare, better="higher"))
    label = f"{split} {known.label}" if split else known.label
    return replace(
        known, name=name, label=label, scope="both" if split == "validation" else "trial"
    )


def _split_of(name: str) -> tuple[str, str]:
    """("validation", "f1") of "val/f1"; ("", "f1") of "f1"."""
    for prefix, split in SPLITS.items():
        if name.startswith(prefix):
            return split, name.removeprefix(prefix)
    return "", name


def seconds_per_epoch(seconds: Iterable[float]) -> float:
    """The median of the epochs' seconds (the upper one of an even number).

    One slow epoch, such as the first with its compilations, does not move it.

    >>> seconds_per_epoch([9.0, 1.0, 2.0])
    2.0
    """
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2]
