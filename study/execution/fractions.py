"""How much of a GPU a trial needs. Pure: which networks of a study differ in memory, and what a measured peak means as a share.

A share is 1/k of a GPU: k trials run on it side by side, each with HEADROOM times the memory that was measured.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.yaml_file import ConfigError
from study.plan.plan import Arm

HEADROOM = 1.2
MAX_PROBES = 16  # of one study; shapes beyond get the largest share that was measured
MAX_POINTS = 1000  # corners of one arm's search space that are looked at

# Values that change numbers but no memory; every other one is part of a shape.
WITHOUT_MEMORY = (
    "seed", "circuit.init", "circuit.prop.grad_scale_exponent", "circuit.prop.epsilon", "circuit.tau_I", "neuron.tau",
    "neuron.threshold", "neuron.alpha", "data.root", "data.split_seed", "data.validation_fraction", "train.epochs",
    "train.learning_rate", "train.momentum", "train.weight_decay", "train.warmup_epochs", "train.warmup_fraction",
    "train.warmup_start", "train.schedule", "train.first_step",
)  # fmt: skip
SIZES = (
    "model.layers",
    "model.width",
    "model.T",
    "train.batch_size",
    "circuit.ei_ratio",
)  # more (of ei_ratio less) is more memory


@dataclass(frozen=True)
class Footprint:
    """What a probe measured on one whole GPU, in MB. ``context_mb`` is the part of the peak outside of torch's allocator."""

    peak_mb: float
    context_mb: float
    total_mb: float


# ---- shapes -------------------------------------------------------------------------------------------------------------


def shape(config: TrialConfig) -> dict[str, Any]:
    """What decides a trial's memory: dotted paths and their values."""
    return {path: value for path, value in _leaves(resolved(config)) if not _without_memory(path)}


def key(config: TrialConfig) -> str:
    """Twelve hex digits that name the shape."""
    return hashlib.sha256(json.dumps(shape(config), sort_keys=True).encode()).hexdigest()[:12]


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _without_memory(path: str) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in WITHOUT_MEMORY)


def demand(config: TrialConfig) -> float:
    """Orders shapes by memory, coarsely: activations per step, in no unit. It grows with each of SIZES (falls with ei_ratio)."""
    ratio = 0 if config.circuit is None else config.circuit.ei_ratio
    smallest = min(ratio) if isinstance(ratio, tuple) else ratio
    cells = config.model.layers * config.model.width * (1 + (1 / smallest if smallest else 0))
    images = config.model.T * config.train.batch_size
    return cells * images * {"float64": 2.0, "float32": 1.0, "bf16": 0.5}[config.train.precision]


def worst(arm: Arm) -> list[TrialConfig]:
    """The configs of an arm that may need most memory: of configs that differ only in SIZES the largest, one per other shape."""
    largest: dict[str, TrialConfig] = {}
    for config in _corners(arm):
        others = json.dumps(
            {path: value for path, value in shape(config).items() if path not in SIZES},
            sort_keys=True,
        )
        if others not in largest or demand(config) > demand(largest[others]):
            largest[others] = config
    return list({key(config): config for config in largest.values()}.values())


def _corners(arm: Arm) -> Iterator[TrialConfig]:
    """The arm's base, and every combination of ends and choices of the searched parameters that change memory."""
    yield arm.config({}, 0)
    space = {path: parameter for path, parameter in arm.space.items() if not _without_memory(path)}
    for values in itertools.islice(
        itertools.product(*(parameter.values() for parameter in space.values())), MAX_POINTS
    ):
        point = dict(zip(space, values, strict=True))
        met = {
            path: all(
                point.get(other, wanted) == wanted for other, wanted in space[path].when.items()
            )
            for path in point
        }
        try:
            yield arm.config({path: value for path, value in point.items() if met[path]}, 0)
        except ConfigError:
            continue  # these values do not go together


def to_probe(arms: Iterable[Arm]) -> dict[str, TrialConfig]:
    """One config per distinct shape of the arms, by key, largest first; at most MAX_PROBES."""
    found = {key(config): config for arm in arms for config in worst(arm)}
    ordered = sorted(found, key=lambda name: (-demand(found[name]), name))
    return {name: found[name] for name in ordered[:MAX_PROBES]}


# ---- shares -------------------------------------------------------------------------------------------------------------


def trials_per_gpu(footprint: Footprint, most: int) -> int:
    """How many trials of this footprint share one GPU; ``most`` is how many its machine's CPUs can serve."""
    return max(1, min(most, int(footprint.total_mb / (HEADROOM * footprint.peak_mb))))


def larger(fraction: float) -> float:
    """The next larger share after an out-of-memory: half as many trials to a GPU, down to one."""
    return 1 / max(1, round(1 / fraction) // 2) if fraction < 1 else fraction


def too_small(fraction: float, footprint: Footprint) -> str | None:
    """Why a share cannot hold a trial that was measured, with the arithmetic; None if it can."""
    given = fraction * footprint.total_mb
    if fraction >= 1 or given >= footprint.peak_mb:
        return None
    return (
        f"{fraction:g} of a GPU's {footprint.total_mb:,.0f} MB is {given:,.0f} MB, and the probe measured a peak of "
        f"{footprint.peak_mb:,.0f} MB ({footprint.context_mb:,.0f} MB of it CUDA's context); "
        f"give at least {footprint.peak_mb / footprint.total_mb:.2g}, or auto"
    )


def why(footprint: Footprint, trials: int, most: int) -> str:
    """How many trials share a GPU, and why so many."""
    need = HEADROOM * footprint.peak_mb
    text = f"{footprint.peak_mb:,.0f} MB measured, {need:,.0f} MB with {HEADROOM - 1:.0%} headroom, of {footprint.total_mb:,.0f} MB"
    limit = (
        f" ({most} is what the CPUs can serve)"
        if trials == most and footprint.total_mb / need >= most + 1
        else ""
    )
    return f"{text}: {trials} trial{'s' * (trials > 1)} to a GPU{limit}"
