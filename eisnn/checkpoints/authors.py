"""Loads weights of the paper's authors into our networks, matching them by parameter name.

`eisnn.checkpoints.authors_names` says which name belongs where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eisnn.checkpoints.authors_names import IN_NORM, names_of, pair_layers
from eisnn.errors import CheckpointError
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.network import Network

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass
class LoadReport:
    """What became of a foreign state dict.

    ``missing`` holds names of ours, the other lists names of theirs.
    """

    loaded: dict[str, str] = field(default_factory=dict)  # their name -> ours
    # gains and bias of the output layer, which nothing reads
    dropped: list[str] = field(default_factory=list)
    # biases below a batch normalisation, moved into its running mean
    folded: list[str] = field(default_factory=list)
    # their name -> number of negative entries set to 0 by Dale's law, as the authors' forward does
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


def load_authors_state_dict(
    model: Network, state_dict: Mapping[str, Tensor], *, strict: bool = True
) -> LoadReport:
    """Sets the weights of ``model`` from a state dict of the authors' network of the same shape.

    Args:
        model: E-I or BN network, see `eisnn.build_model`. Its dtype and device stay.
        state_dict: maps their names (see `eisnn.checkpoints.authors_names`) to tensors. Vectors may
            be shaped [n], [1, n] or [n, 1, 1].
        strict: whether every tensor of ours must be given, and every tensor of theirs must have a
            place. If False, loads whatever fits.

    Returns:
        A report. The gains and bias of an excitatory output layer, which the authors keep but never
        use, are dropped and listed there.

    Raises:
        CheckpointError: something does not fit; the message lists it. The model is left as it was.
    """
    report, moves = _match(model, state_dict)
    if strict and not report.fits:
        raise CheckpointError(
            f"the authors' weights do not fit this network ({_hint(model, report)}):\n{report}"
        )
    # Running means must be loaded before biases are folded into them.
    for move in sorted(moves, key=lambda move: move.theirs in report.folded):
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
    """Returns what goes where, and what does not fit. Changes nothing."""
    report, moves = LoadReport(), []
    our_name = {id(module): name for name, module in model.named_modules()}
    rest = dict(state_dict)
    for layer, at_map, at_norm in pair_layers(model, state_dict):
        wanted, name = _tensors(layer), our_name[id(layer)]
        for theirs, ours in names_of(layer, at_map, at_norm):
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
    """Returns the parameters and buffers of one layer of ours, by the names used in the table.

    A linear read-out counts as a map.
    """
    own = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    if isinstance(layer, nn.Linear):
        return {f"map.{name}": value for name, value in own.items()}
    return own


def _own(layer: nn.Module, ours: str) -> str:
    """Returns the name of a tensor within its layer."""
    if isinstance(layer, nn.Linear):
        return ours.removeprefix("map.")
    return ours


def _shaped_as(value: Tensor, wanted: Tensor) -> Tensor | None:
    """Returns ``value`` in the shape of ``wanted``; None if more than sizes of 1 differ."""
    if [n for n in value.shape if n > 1] != [n for n in wanted.shape if n > 1]:
        return None
    return value.reshape(wanted.shape)


def _hint(model: Network, report: LoadReport) -> str:
    ei_file = any(
        name.endswith(("weight_ei", "gain_e")) for name in [*report.unexpected, *report.loaded]
    )
    ei_model = any(model.circuits())
    if ei_file != ei_model:
        kind, norm = "E-I" if ei_file else "ordinary", model.config.model.norm
        return f"the weights belong to an {kind} network, but model.norm is {norm!r}"
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

    Sets entries to 0 that are negative against Dale's law, as the authors do in every forward pass.
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
