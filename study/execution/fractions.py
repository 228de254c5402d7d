"""Turns a trial's measured footprint into its share of a GPU. Pure arithmetic.

A share is 1/k of a GPU: k trials run on it side by side. Each needs HEADROOM times its measured
memory, and together they should not need more time than the device has: a trial that keeps it busy
for 90 % of the time should not share it.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADROOM = 1.2
CROWDED = 1.25  # the device's time that trials may together ask for; 1 is all of it


@dataclass(frozen=True)
class Footprint:
    """What a probe measured on one whole GPU; memory in MB.

    ``context_mb`` is the part of the peak outside of torch's allocator. ``busy`` is the share of
    time in which the device computed (with MPS, times the share of its multiprocessors; see
    `eisnn.training.busyness`), 0 if that was not measured. ``foreign_mb`` is the memory that other
    processes held.
    """

    peak_mb: float
    context_mb: float
    total_mb: float
    busy: float = 0.0
    foreign_mb: float = 0.0

    @property
    def available_mb(self) -> float:
        return max(0.0, self.total_mb - self.foreign_mb)


def trials_per_gpu(footprint: Footprint, most: int) -> int:
    """Returns how many such trials share one GPU; its machine's CPUs can serve ``most``."""
    return max(1, min(most, _by_memory(footprint), _by_time(footprint, most)))


def _by_memory(footprint: Footprint) -> int:
    return int(footprint.available_mb / (HEADROOM * footprint.peak_mb))


def _by_time(footprint: Footprint, most: int) -> int:
    return int(CROWDED / footprint.busy) if footprint.busy else most


def larger(fraction: float) -> float:
    """Returns the next larger share after an out-of-memory: half as many trials, down to one."""
    if fraction >= 1:
        return fraction
    return 1 / max(1, round(1 / fraction) // 2)


def why_too_small(fraction: float, footprint: Footprint) -> str | None:
    """Returns why a share is too small for a measured trial, with numbers; None if it fits."""
    given = fraction * footprint.total_mb
    if fraction >= 1 or given >= footprint.peak_mb:
        return None
    return (
        f"{fraction:g} of a GPU's {footprint.total_mb:,.0f} MB is {given:,.0f} MB, "
        f"and the probe measured a peak of {footprint.peak_mb:,.0f} MB "
        f"({footprint.context_mb:,.0f} MB of it CUDA's context); "
        f"give at least {footprint.peak_mb / footprint.total_mb:.2g}, or auto"
    )


def why(footprint: Footprint, trials: int, most: int) -> str:
    """Returns how many trials share a GPU, and what limits them."""
    need = HEADROOM * footprint.peak_mb
    text = (
        f"{footprint.peak_mb:,.0f} MB measured, {need:,.0f} MB with {HEADROOM - 1:.0%} headroom, "
        f"of {footprint.total_mb:,.0f} MB"
    )
    if footprint.foreign_mb:
        text += f" ({footprint.foreign_mb:,.0f} MB of them held by other processes)"
    if footprint.busy:
        text += f", busy {footprint.busy:.0%} of the time"
    text += f": {trials} trial{'s' if trials > 1 else ''} to a GPU"
    if trials < _by_memory(footprint):
        if trials == most:
            text += f" ({most} is what the CPUs can serve)"
        elif trials == _by_time(footprint, most):
            text += " (more would only wait for each other)"
    return text
