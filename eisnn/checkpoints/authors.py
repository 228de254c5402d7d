"""Weights of the paper's authors, by their parameter names, into our networks.

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
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

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
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

_MAP_AT = re.compile(r"layers\.(\d+)\.(?:" + "|".join(map(re.escape, MAP)) + r")$")
_NORM_AT = re.compile(r"layers\.(\d+)\.(?:" + "|".join(map(re.escape, NORM)) + r")$")


@dataclass
class LoadReport:
    """What became of a foreign state dict.

    ``missing`` and ``wrong_shape`` speak of ours, the rest of their names.
    """

    loaded: dict[str, str] = field(default_factory=dict)  # their name -> ours
    # gains and bias of the output layer, which nothing reads
    dropped: list[str] = field(default_factory=list)
    # biases below a batch normalisation, moved into its running mean
    folded: list[str] = field(default_factory=list)
    # entries below 0 where Dale's law wants none, set to 0 (they clamp in forward)
    projected: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong_shape: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded"]
        for title in ("missing", "unexpected", "wrong_shape", "dropped", "folded"):
            names = getattr(self, title)
            if names:
                lines.append(
                    f"{title.replace('_', ' ')} ({len(names)}): "
                    + "; ".join(names[:8])
                    + ("; ..." if len(names) > 8 else "")
                )
        if self.projected:
            lines.append(
                f"set to 0: {sum(self.projected.values())} negative entries in "
                f"{', '.join(self.projected)}"
            )
        return "\n".join(lines)


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


def load_authors_state_dict(
    model: Network, state_dict: Mapping[str, Tensor], *, strict: bool = True
) -> LoadReport:
    """Sets the weights of ``model`` from a state dict of the authors' network of the same shape.

    Args:
        model: E-I or BN network, see `eisnn.build_model`. Its dtype and device stay.
        state_dict: their names (table above) to tensors. Vectors may be shaped [n], [1, n] or [n,
            1, 1].
        strict: refuse unless every tensor of ours is given and every tensor of theirs has its
            place. Otherwise what fits is loaded.

    Returns:
        a report. The gains and bias of an excitatory output layer, which the authors keep but never
        use, are dropped and listed there.

    Raises:
        CheckpointError: something does not fit; the message lists it. The model is left as it was.
    """
    report, moves = _match(model, state_dict)
    if strict and not report.fits:
        raise CheckpointError(
            f"the authors' weights do not fit this network ({_hint(model, report)}):\n{report}"
        )
    for move in sorted(
        moves, key=lambda move: move.theirs in report.folded
    ):  # running means before what is folded into them
        _apply(move, report)
    model.initialized = True
    return report


class Move(NamedTuple):
    """One tensor of theirs, and where it goes."""

    theirs: str
    value: Tensor
    layer: nn.Module
    # name within the layer; "map.bias" of a layer without one is folded into its running mean
    ours: str


def _match(model: Network, state_dict: Mapping[str, Tensor]) -> tuple[LoadReport, list[Move]]:
    """What goes where, and what does not fit; changes nothing."""
    report, moves = LoadReport(), []
    our_name = {id(module): name for name, module in model.named_modules()}
    rest = dict(state_dict)
    for layer, at_map, at_norm in pair_layers(model, state_dict):
        wanted, name = _tensors(layer), our_name[id(layer)]
        for theirs, ours in _names(layer, at_map, at_norm):
            if theirs not in rest:
                continue
            if ours in wanted:
                value, target = rest.pop(theirs), wanted.pop(ours)
                if (shaped := _shaped_as(value, target)) is None:
                    report.wrong_shape.append(
                        f"{theirs} {list(value.shape)}, "
                        f"but {name}.{_own(layer, ours)} is {list(target.shape)}"
                    )
                else:
                    report.loaded[theirs] = f"{name}.{_own(layer, ours)}"
                    moves.append(Move(theirs, shaped, layer, ours))
            elif (
                isinstance(layer, CircuitLayer)
                and layer.output_layer
                and ours in ("g_I", "g_E", "b_E")
            ):
                report.dropped.append(theirs)
                del rest[theirs]
            elif (
                ours == "map.bias"
                and hasattr(layer, "norm")
                and isinstance(layer.norm, BATCH_NORMS)
            ):
                report.folded.append(theirs)
                moves.append(Move(theirs, rest.pop(theirs), layer, ours))
        wanted.pop("norm.num_batches_tracked", None)
        report.missing += [
            f"{name}.{_own(layer, ours)} (theirs: {at_norm if ours in IN_NORM else at_map}.*)"
            for ours in wanted
        ]
    report.unexpected = list(rest)
    return report, moves


def _tensors(layer: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of one layer of ours, by the names used in the table.

    A linear read-out counts as a map.
    """
    own = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    return (
        {f"map.{name}": value for name, value in own.items()}
        if isinstance(layer, nn.Linear)
        else own
    )


def _own(layer: nn.Module, ours: str) -> str:
    """The name of a tensor within its layer."""
    return ours.removeprefix("map.") if isinstance(layer, nn.Linear) else ours


def _names(layer: nn.Module, at_map: str, at_norm: str) -> list[tuple[str, str]]:
    """(their name, ours) of all that one layer may have."""
    of_map, of_norm = (MAP_EI, NORM_EI) if isinstance(layer, CircuitLayer) else (MAP_BN, NORM_BN)
    names = [(f"{at_map}.{theirs}", ours) for theirs, ours in of_map.items()]
    return (
        names + [(f"{at_norm}.{theirs}", ours) for theirs, ours in of_norm.items()]
        if at_norm
        else names
    )


def _shaped_as(value: Tensor, wanted: Tensor) -> Tensor | None:
    """``value`` in the shape of ``wanted``; None if they differ by more than sizes of 1."""
    if [n for n in value.shape if n > 1] != [n for n in wanted.shape if n > 1]:
        return None
    return value.reshape(wanted.shape)


def _hint(model: Network, report: LoadReport) -> str:
    ei_file = any(
        name.endswith(("weight_ei", "gain_e")) for name in [*report.unexpected, *report.loaded]
    )
    ei_model = any(model.circuits())
    if ei_file != ei_model:
        kind = "E-I" if ei_file else "ordinary"
        return f"the weights are of an {kind} network, model.norm is {model.config.model.norm!r}"
    if any("conv_ie" in entry or "weight_ie" in entry for entry in report.wrong_shape) and not any(
        "conv_ee" in entry or "weight_ee" in entry for entry in report.wrong_shape
    ):
        return "the number of inhibitory cells differs: check circuit.ei_ratio"
    return (
        "check model.arch, model.layers, model.head, model.classes, model.input_shape and "
        "circuit.ei_ratio"
    )


@torch.no_grad()
def _apply(move: Move, report: LoadReport) -> None:
    """Copies one tensor into its layer.

    What Dale's law wants non-negative is projected first, as the authors do in every forward pass.
    """
    theirs, value, layer, ours = move
    if isinstance(layer, CircuitLayer):
        if (
            ours not in layer.SIGNED
            and layer.config.dale != "none"
            and (negative := int((value < 0).sum()))
        ):
            report.projected[theirs] = negative
            value = value.clamp_min(0)
        layer.assign(ours, value)
    elif theirs in report.folded:  # BN(W x + c) = BN'(W x), where BN' has the running mean less c
        mean = layer.get_buffer("norm.running_mean")
        mean -= value.reshape(mean.shape).to(mean)
    else:
        _tensors(layer)[ours].copy_(value)
