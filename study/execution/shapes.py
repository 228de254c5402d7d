"""Finds the networks of a study that differ in the GPU memory that they need.

A shape is everything in a config that changes memory, so two trials of one shape need the same.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eisnn.config.trial import TrialConfig, resolved
from eisnn.errors import ConfigError
from study.plan import Arm

MAX_PROBES = 16  # of one study; further shapes get the largest share that was measured
MAX_POINTS = 1000  # corners of one arm's search space to consider

# Options that change results but not memory; all others are part of a shape.
WITHOUT_MEMORY = (
    "seed",
    "model.init",
    "model.init_rate",
    "circuit.init",
    "circuit.prop.grad_scale_exponent",
    "circuit.prop.epsilon",
    "circuit.tau_I",
    "neuron.tau",
    "neuron.threshold",
    "neuron.alpha",
    "neuron.dampening",
    "neuron.reset_value",
    "data.root",
    "data.split_seed",
    "data.validation_fraction",
    "train.epochs",
    "train.learning_rate",
    "train.momentum",
    "train.weight_decay",
    "train.warmup_epochs",
    "train.warmup_fraction",
    "train.warmup_start",
    "train.schedule",
    "train.first_step",
)

# Larger values need more memory, except of ei_ratio, where smaller ones do.
SIZES = ("model.layers", "model.width", "model.T", "train.batch_size", "circuit.ei_ratio")

BYTES = {"float64": 2.0, "float32": 1.0, "bf16": 0.5}  # of a number, relative to float32


def shape(config: TrialConfig) -> dict[str, Any]:
    """Returns the options that decide a trial's memory, as dotted paths and their values."""
    leaves = _leaves(resolved(config))
    return {path: value for path, value in leaves if not _without_memory(path)}


def key(config: TrialConfig) -> str:
    """Returns twelve hex digits that identify the shape."""
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
    """Returns a rough measure of memory, to order shapes by: activations per step, without a unit.

    It grows with each of SIZES, except that it falls with ei_ratio.
    """
    ratio: Any = 0 if config.circuit is None else config.circuit.ei_ratio
    smallest = min(ratio) if isinstance(ratio, tuple) else ratio
    inhibitory = 1 / smallest if smallest else 0.0
    cells = config.model.layers * config.model.width * (1 + inhibitory)
    images = config.model.T * config.train.batch_size
    return cells * images * BYTES[config.train.precision]


def worst(arm: Arm) -> list[TrialConfig]:
    """Returns the configs of an arm that may need most memory.

    Of configs that differ only in SIZES, returns the largest one.
    """
    largest: dict[str, TrialConfig] = {}
    for config in _corners(arm):
        others = {path: value for path, value in shape(config).items() if path not in SIZES}
        name = json.dumps(others, sort_keys=True)
        if name not in largest or demand(config) > demand(largest[name]):
            largest[name] = config
    return list({key(config): config for config in largest.values()}.values())


def _corners(arm: Arm) -> Iterator[TrialConfig]:
    """Yields the arm's base, and each combination of ends and choices that change memory."""
    yield arm.config({}, 0)
    space = {path: parameter for path, parameter in arm.space.items() if not _without_memory(path)}
    combinations = itertools.product(*(parameter.values() for parameter in space.values()))
    for values in itertools.islice(combinations, MAX_POINTS):
        point = dict(zip(space, values, strict=True))
        applicable = {}
        for path, value in point.items():
            conditions = space[path].when.items()
            if all(point.get(other, wanted) == wanted for other, wanted in conditions):
                applicable[path] = value
        try:
            yield arm.config(applicable, 0)
        except ConfigError:
            continue  # these values cannot be combined


def to_probe(arms: Iterable[Arm]) -> dict[str, TrialConfig]:
    """Returns one config per shape of the arms, by key, largest first; at most MAX_PROBES."""
    found = {}
    for arm in arms:
        for config in worst(arm):
            found[key(config)] = config
    ordered = sorted(found, key=lambda name: (-demand(found[name]), name))
    return {name: found[name] for name in ordered[:MAX_PROBES]}
