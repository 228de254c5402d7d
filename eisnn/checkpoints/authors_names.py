"""Pairs the parameter names of the paper's authors with our layers.

Each of their layers is a pair of modules, a map and a norm, with a prefix each; ours are one
module. The prefixes depend on the family, the names on the kind:

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
    """Whether a state dict has the authors' names rather than ours."""
    return any(
        _MAP_AT.match(name) or name.startswith(("conv1.", "layer1.", "fc.")) for name in names
    )


def sequential_prefixes(names: Mapping[str, object]) -> list[tuple[str, str]]:
    """Returns (map prefix, norm prefix) of each layer of their MLP or VGG, from the bottom up.

    The norm prefix is "" where there is no norm.
    """
    maps = sorted({int(found[1]) for name in names if (found := _MAP_AT.match(name))})
    norms = {int(found[1]) for name in names if (found := _NORM_AT.match(name))} - set(maps)
    pairs = []
    last = max(norms, default=0) + 1
    for at, end in zip(maps, [*maps[1:], last], strict=False):
        above = [n for n in sorted(norms) if at < n < end]
        pairs.append((f"layers.{at}", f"layers.{above[0]}" if above else ""))
    return pairs


def resnet_prefixes(model: Network) -> Iterator[tuple[nn.Module, str, str]]:
    """Yields (our layer, map prefix, norm prefix) for each layer of their ResNet."""
    norm = "norm" if any(model.circuits()) else "bn"
    stem, *rest = model.body.layers if isinstance(model.body, Chain) else []
    assert isinstance(stem, Block)
    yield stem.drive, "conv1", f"{norm}1"
    stage, index = 0, 0
    for unit in rest:
        if not isinstance(unit, Residual):
            continue
        # A change of shape opens a stage; so does the very first unit, whatever its shapes.
        index += 1
        if unit.shortcut is not None or stage == 0:
            stage, index = stage + 1, 0
        at = f"layer{stage}.{index}"
        for position, block in enumerate(unit.branch, start=1):
            assert isinstance(block, Block)
            yield block.drive, f"{at}.conv{position}", f"{at}.{norm}{position}"
        if unit.shortcut is not None:
            yield unit.shortcut.drive, f"{at}.downsample.0", f"{at}.downsample.1"
    yield model.output, "fc", "final_ei_norm"


def pair_layers(model: Network, names: Mapping[str, object]) -> list[tuple[nn.Module, str, str]]:
    """Returns (our layer, their map prefix, their norm prefix) for each layer.

    Raises:
        CheckpointError: they have another number of layers.
    """
    if model.config.model.arch == "ResNet":
        return list(resnet_prefixes(model))
    ours = [layer for _, layer in model.driven()]
    theirs = sequential_prefixes(names)
    if len(ours) != len(theirs):
        found = f"{len(theirs)} layers named 'layers.N'"
        if not theirs:
            found = "no layer named 'layers.N' (a ResNet's, or not the authors')"
        raise CheckpointError(
            f"the weights have {found}, but the network (model.arch: {model.config.model.arch}, "
            f"model.layers: {model.config.model.layers}, model.head: {model.config.model.head}) "
            f"has {len(ours)}: check those three keys"
        )
    return [(layer, *prefixes) for layer, prefixes in zip(ours, theirs, strict=True)]


def names_of(layer: nn.Module, at_map: str, at_norm: str) -> list[tuple[str, str]]:
    """Returns (their name, our name) for every tensor that a layer may have."""
    of_map, of_norm = MAP_BN, NORM_BN
    if isinstance(layer, CircuitLayer):
        of_map, of_norm = MAP_EI, NORM_EI
    names = [(f"{at_map}.{theirs}", ours) for theirs, ours in of_map.items()]
    if at_norm:
        names += [(f"{at_norm}.{theirs}", ours) for theirs, ours in of_norm.items()]
    return names
