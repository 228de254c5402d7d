"""Which of the paper's authors' parameter names belongs to which layer of ours.

Their layers come in pairs, a map and a norm, each with its own prefix; ours are one module. By
family and kind:

    family        map prefix                            norm prefix
    MLP, VGG      layers.N (N in numeric order)         layers.M, the next above N with norm
                                                        parameters
    ResNet        conv1, layerS.B.convJ, fc,            norm1, layerS.B.normJ, final_ei_norm
                                                        (BN: bn1, layerS.B.bnJ),
                  layerS.B.downsample.0                 layerS.B.downsample.1

    kind          parameters of the map                 parameters of the norm
    E-I           conv_ee.weight | weight_ee  -> W_EE   weight_ei -> W_EI,  gain_i -> g_I,
                  conv_ie.weight | weight_ie  -> W_IE   gain_e -> g_E,  bias -> b_E
    BN            conv.weight | linear.weight           bn.weight, bn.bias, bn.running_mean,
                  (+ .bias)                             bn.running_var, bn.num_batches_tracked

Only names are used, never the order of the state dict: safetensors files are sorted alphabetically.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import nn

from eisnn.errors import CheckpointError
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.network import Block, Chain, Network, Residual

MAP_EI = {
    "conv_ee.weight": "W_EE",
    "weight_ee": "W_EE",
    "conv_ie.weight": "W_IE",
    "weight_ie": "W_IE",
}
NORM_EI = {"weight_ei": "W_EI", "gain_i": "g_I", "gain_e": "g_E", "bias": "b_E"}
MAP_BN = {
    "conv.weight": "map.weight",
    "linear.weight": "map.weight",
    "conv.bias": "map.bias",
    "linear.bias": "map.bias",
}
NORM_BN = {
    f"bn.{name}": f"norm.{name}"
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
}
MAP = {**MAP_EI, **MAP_BN}
NORM = {**NORM_EI, **NORM_BN}
IN_NORM = set(NORM.values())

_MAP_AT = re.compile(r"layers\.(\d+)\.(?:" + "|".join(map(re.escape, MAP)) + r")$")
_NORM_AT = re.compile(r"layers\.(\d+)\.(?:" + "|".join(map(re.escape, NORM)) + r")$")


def looks_like_the_authors(names: Mapping[str, object]) -> bool:
    """Whether the names of a state dict are theirs rather than ours."""
    return any(
        _MAP_AT.match(name) or name.startswith(("conv1.", "layer1.", "fc.")) for name in names
    )


def sequential_prefixes(names: Mapping[str, object]) -> list[tuple[str, str]]:
    """(map prefix, norm prefix) of each layer of their MLP or VGG, from the bottom up.

    The norm prefix is "" where there is none.
    """
    maps = sorted({int(found[1]) for name in names if (found := _MAP_AT.match(name))})
    norms = {int(found[1]) for name in names if (found := _NORM_AT.match(name))} - set(maps)
    pairs = []
    for index, at in enumerate(maps):
        end = maps[index + 1] if index + 1 < len(maps) else max(norms, default=0) + 1
        above = [n for n in sorted(norms) if at < n < end]
        pairs.append((f"layers.{at}", f"layers.{above[0]}" if above else ""))
    return pairs


def resnet_prefixes(model: Network) -> Iterator[tuple[nn.Module, str, str]]:
    """(our layer, map prefix, norm prefix) of each layer of their ResNet."""
    norm = "norm" if any(model.circuits()) else "bn"
    stem, *rest = model.body.layers if isinstance(model.body, Chain) else []
    assert isinstance(stem, Block)
    yield stem.drive, "conv1", f"{norm}1"
    stage, index = 0, 0
    for unit in rest:
        if not isinstance(unit, Residual):
            continue
        # a shape change opens a stage; so does the very first unit, whatever its shapes
        changes = unit.shortcut is not None
        stage, index = (stage + 1, 0) if changes or stage == 0 else (stage, index + 1)
        at = f"layer{stage}.{index}"
        for position, block in enumerate(unit.branch, start=1):
            assert isinstance(block, Block)
            yield block.drive, f"{at}.conv{position}", f"{at}.{norm}{position}"
        if unit.shortcut is not None:
            yield unit.shortcut.drive, f"{at}.downsample.0", f"{at}.downsample.1"
    yield model.output, "fc", "final_ei_norm"


def pair_layers(model: Network, names: Mapping[str, object]) -> list[tuple[nn.Module, str, str]]:
    """(our layer, their map prefix, their norm prefix), as far as both have layers.

    Raises:
        CheckpointError: their number of layers is not ours.
    """
    if model.config.model.arch == "ResNet":
        return list(resnet_prefixes(model))
    ours = [layer for _, layer in model.driven()]
    theirs = sequential_prefixes(names)
    if len(ours) != len(theirs):
        found = (
            f"{len(theirs)} layers named 'layers.N'"
            if theirs
            else "no layer named 'layers.N' (a ResNet's, or not the authors')"
        )
        raise CheckpointError(
            f"the weights have {found}, the network (model.arch: {model.config.model.arch}, "
            f"model.layers: {model.config.model.layers}, model.head: {model.config.model.head}) "
            f"has {len(ours)}: check those three keys"
        )
    return [(layer, *prefixes) for layer, prefixes in zip(ours, theirs, strict=True)]


def names_of(layer: nn.Module, at_map: str, at_norm: str) -> list[tuple[str, str]]:
    """(their name, ours) of all that one layer may have."""
    of_map, of_norm = (MAP_EI, NORM_EI) if isinstance(layer, CircuitLayer) else (MAP_BN, NORM_BN)
    names = [(f"{at_map}.{theirs}", ours) for theirs, ours in of_map.items()]
    return (
        names + [(f"{at_norm}.{theirs}", ours) for theirs, ours in of_norm.items()]
        if at_norm
        else names
    )
