"""Which backend computes a layer on a device, or why the readable path does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from eisnn.config.norms import NORMS
from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.trial import TrialConfig
from eisnn.kernels.cpu import build
from eisnn.kernels.gpu import load
from eisnn.kernels.rules import SURROGATES


@dataclass(frozen=True)
class Backend:
    """Fast implementations of the operations in ops.py for one type of device."""

    name: str  # as a trial's record says it
    why_unavailable: Callable[[], str | None]  # loads the backend; None once it is there
    own_maps: bool = False  # whether it has the other operations of ops.py too: maps, projection


BACKENDS = {
    "cpu": Backend("kernel", build.why_unavailable, own_maps=True),
    "cuda": Backend("triton", load.why_unavailable),
}


@dataclass(frozen=True)
class Choice:
    """A backend, or the reason why there is none."""

    backend: Backend | None
    reason: str | None = None

    def __str__(self) -> str:
        if self.backend is None:
            return f"plain: {self.reason}"
        return self.backend.name


def choose(
    circuit: CircuitConfig | None, neuron: NeuronConfig, device: str, norm: str = ""
) -> Choice:
    """Returns the backend for a hidden layer on a type of device.

    ``circuit`` None means LIF cells alone.
    """
    backend = BACKENDS.get(device)
    if backend is None:
        return Choice(None, f"there are no kernels for {device}")
    reason = why_unsupported(circuit, neuron, norm) or backend.why_unavailable()
    return Choice(None, reason) if reason else Choice(backend)


def path(config: TrialConfig, device: str) -> str:
    """Returns how a network's blocks are computed on a type of device, in a record's words."""
    return str(choose(config.circuit, config.neuron, device, config.model.norm))


def why_unsupported(
    circuit: CircuitConfig | None, neuron: NeuronConfig, norm: str = ""
) -> str | None:
    """Returns why no kernel can compute a layer of this kind; None if they can."""
    if norm in NORMS and NORMS[norm].in_cells:
        return f"model.norm: {norm} has no kernel"
    if neuron.learnable_tau:
        return "neuron.learnable_tau has no kernel"
    if neuron.surrogate not in SURROGATES:
        return f"neuron.surrogate: {neuron.surrogate} has no kernel"
    for option in ("input_decay", "dampening", "reset_value"):
        if getattr(neuron, option):
            return f"neuron.{option} has no kernel"
    if circuit is None:
        return None
    prop = circuit.prop
    if circuit.inhibitory_cells != "linear":
        return f"circuit.inhibitory_cells: {circuit.inhibitory_cells} has no kernel"
    if prop.centre_gradients:
        return "circuit.prop.centre_gradients has no kernel"
    replaces_entries = circuit.divisive and prop.stabiliser in ("min_positive", "clamp")
    if replaces_entries and not prop.straight_through and not prop.detach:
        return (
            f"circuit.prop.straight_through: off has no kernel with stabiliser: {prop.stabiliser}"
        )
    return None


def is_available(device: str) -> bool:
    """Whether a backend runs on this type of device. Loads it at the first call."""
    backend = BACKENDS.get(device)
    return backend is not None and backend.why_unavailable() is None


def has_own_maps(device: str) -> bool:
    """Whether the backend has maps of its own; otherwise torch's are used."""
    return BACKENDS[device].own_maps


def fix_for_compiler() -> None:
    """Marks answers that never change, for users who call torch.compile on a network themselves.

    The functions are not decorated instead, since that imports torch._dynamo, over a second.
    """
    torch.compiler.assume_constant_result(is_available)
    torch.compiler.assume_constant_result(has_own_maps)
