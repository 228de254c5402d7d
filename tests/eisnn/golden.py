"""The golden vectors of tests/data/reference (see its README.md).

How to read them, and how to make a network's weights by its rule.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.network import Network, Pool

REFERENCE = Path(__file__).parent.parent / "data" / "reference"


def arrays(case: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The arrays of one .npz as float64 tensors, and its `meta`."""
    with np.load(REFERENCE / f"{case}.npz") as stored:
        tensors = {name: torch.from_numpy(stored[name]) for name in stored.files if name != "meta"}
        return tensors, json.loads(str(stored["meta"]))


def record(case: str) -> Any:
    """One .json."""
    return json.loads((REFERENCE / f"{case}.json").read_text())


def deviation(
    ours: Tensor | float | Sequence[float], theirs: Tensor | float | Sequence[float]
) -> float:
    """Largest |ours - theirs| / max(|theirs|), over all entries.

    The relative tolerance of the golden tests.
    """
    a, b = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (ours, theirs))
    assert a.shape == b.shape, f"shapes {tuple(a.shape)} and {tuple(b.shape)} differ"
    return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item()


def _draw(seed: int, name: str, shape: Sequence[int], kind: str) -> np.ndarray:
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if kind == "uniform":
        return np.asarray(rng.uniform(size=shape))
    return np.asarray(getattr(rng, kind)(size=shape))


def weights(keys: Mapping[str, Sequence[int]], seed: int) -> dict[str, Tensor]:
    """A state dict of the authors' names by the rule of the reference's README, in the order of
    ``keys``."""
    out: dict[str, Tensor] = {}
    F = 1
    for name, shape in keys.items():
        last = name.rsplit(".", 1)[-1]
        fan = math.prod(shape[1:]) if len(shape) > 1 else 1
        if last == "num_batches_tracked":
            out[name] = torch.zeros((), dtype=torch.int64)
            continue
        if name.endswith(("weight_ie", "conv_ie.weight")):
            F = fan

        def u(kind: str, name: str = name, shape: Sequence[int] = shape) -> np.ndarray:
            return _draw(seed, name, shape, kind)

        if last == "gain_i":
            value = (0.8 + 0.4 * u("uniform")) * math.sqrt(10 / F)
        elif last == "gain_e":
            value = 0.5 + u("uniform")
        elif last == "weight_ei":
            value = (0.8 + 0.4 * u("uniform")) / shape[1]
        elif name.endswith(("weight_ee", "weight_ie", "conv_ee.weight", "conv_ie.weight")):
            value = u("exponential") / math.sqrt(2 * fan)
        elif last == "running_var":
            value = 0.5 + u("uniform")
        elif last in ("running_mean", "bias"):
            value = 0.1 * u("standard_normal")
        elif ".bn." in name or (len(shape) == 1 and last == "weight"):
            value = 1 + 0.5 * u("uniform")
        else:
            value = u("standard_normal") * math.sqrt(2 / fan)
        out[name] = torch.from_numpy(np.asarray(value, dtype=np.float64))
    return out


def inputs(seed: int, shape: Sequence[int], classes: int) -> tuple[Tensor, Tensor]:
    """Images (or events) x in [0, 1) and labels y of a whole-model case."""
    rng = np.random.default_rng(seed + 100)
    x = rng.uniform(size=shape)
    return torch.from_numpy(x), torch.from_numpy(rng.integers(0, classes, size=shape[0]))


def _layer_keys(layer: nn.Module, at_map: str, at_norm: str) -> dict[str, list[int]]:
    """The authors' names and shapes of one layer of ours."""
    if isinstance(layer, CircuitLayer):
        n_E, n_I, conv = *layer.W_EI.shape, layer.kernel is not None
        ee, ie = ("conv_ee.weight", "conv_ie.weight") if conv else ("weight_ee", "weight_ie")
        vectors = {"gain_i": n_I, "gain_e": n_E, "bias": n_E}
        return {
            f"{at_map}.{ee}": list(layer.W_EE.shape),
            f"{at_map}.{ie}": list(layer.W_IE.shape),
            f"{at_norm}.weight_ei": [n_E, n_I],
            **{f"{at_norm}.{name}": [n, 1, 1] if conv else [1, n] for name, n in vectors.items()},
        }
    if isinstance(layer, nn.Linear):
        return {
            f"{at_map}.linear.weight": list(layer.weight.shape),
            f"{at_map}.linear.bias": list(layer.bias.shape),
        }
    weight = layer.map.weight
    names = [f"{at_norm}.bn.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    return {
        f"{at_map}.{'conv' if weight.dim() == 4 else 'linear'}.weight": list(weight.shape),
        **{name: [weight.shape[0]] for name in names},
        f"{at_norm}.bn.num_batches_tracked": [],
    }


def authors_keys(model: Network) -> dict[str, list[int]]:
    """`keys` as a model_*.json has them, for any network.

    Their names in their order, with shapes (checked on the stored cases).
    """
    out: dict[str, list[int]] = {}
    if model.config.model.arch == "ResNet":
        from eisnn.checkpoints.authors_names import resnet_prefixes

        for layer, at_map, at_norm in resnet_prefixes(model):
            out |= _layer_keys(layer, at_map, at_norm)
        return out
    at, pool = 2, 2 if any(model.circuits()) else 1
    for unit in model.body.layers:
        if isinstance(unit, Pool):
            at += pool
        elif hasattr(unit, "drive"):
            out |= _layer_keys(unit.drive, f"layers.{at}", f"layers.{at + 1}")
            at += 5
        elif model.config.model.arch == "VGG":  # flatten
            at += 1
    return out | _layer_keys(model.output, f"layers.{at}", f"layers.{at + 1}")
