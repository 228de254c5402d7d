"""Run as a program by test_circuit.py: compares the interpreted Triton kernels with the readable
path, a line for each case.

A line is a JSON object: the case, the share of flipped spikes, and the relative distance of every
    gradient.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import interpreted  # noqa: F401 - before anything else imports triton
import torch
import torch.nn.functional as F
from torch import Tensor

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import ops
from eisnn.kernels.rules import rules
from eisnn.layers.circuit import integrate
from eisnn.layers.neurons import lif

CASES: list[dict[str, Any]] = [
    {"n_E": 20, "n_I": 5, "shape": (4, 4)},
    {"n_E": 20, "n_I": 5, "shape": (4, 4), "pool": True},
    {"n_E": 20, "n_I": 5, "shape": (4, 6), "pool": True, "residual": True},
    {"n_E": 20, "n_I": 5, "shape": (4, 4), "residual": True},
    {"n_E": 20, "n_I": 5, "shape": (4, 4), "layout": "NCHW"},
    {"n_E": 20, "n_I": 5, "shape": (4, 4), "shared": True, "pool": True},
    {"n_E": 40, "n_I": 10, "shape": ()},
    {"n_E": 40, "n_I": 10, "shape": (), "shared": True, "residual": True},
    {"n_E": 70, "n_I": 17, "shape": (5, 3)},
    {"n_E": 16, "n_I": 80, "shape": (2, 2), "pool": True},
    {"n_E": 8, "n_I": 8, "shape": (6, 7), "T": 2},
    {"n_E": 9, "n_I": 1, "shape": (3, 1), "T": 1, "B": 5},
    {"n_E": 20, "n_I": 0, "shape": (4, 4), "pool": True, "residual": True},
    {"n_E": 20, "n_I": 0, "shape": (3, 3), "shared": True},
    {"n_E": 40, "n_I": 0, "shape": ()},
]
SMALL = {"n_E": 20, "n_I": 5, "shape": (3, 3)}
for circuit in (
    {"subtractive": False},
    {"divisive": False},
    {"subtractive": False, "divisive": False},
    {"dale": "none"},
    {"prop": {"corrections": "dann"}},
    {"prop": {"grad_scale_exponent": 0.5}},
    {"prop": {"detach": True}},
    {"prop": {"stabiliser": "epsilon", "epsilon": 0.01}},
    {"prop": {"stabiliser": "epsilon", "epsilon": 0.01, "straight_through": False}},
    {"prop": {"stabiliser": "clamp", "epsilon": 0.1}},
    {"prop": {"stabiliser": "none"}},
):
    CASES.append({**SMALL, "circuit": circuit})
for surrogate, reset, detach in itertools.product(
    ("sigmoid", "atan", "triangle"), ("soft", "hard"), (True, False)
):
    neuron = {"surrogate": surrogate, "reset": reset, "detach_reset": detach}
    CASES.append(
        {"n_E": 20, "n_I": 5, "shape": (2, 3), "neuron": {**neuron, "tau": 3.0, "threshold": 0.8}}
    )


def inputs(case: dict[str, Any]) -> list[Tensor]:
    """Currents with silent positions and one silent sample, weights with zeros, gains, biases, and
    a residual if asked for.
    """
    n_E, n_I, T, B = case["n_E"], case["n_I"], case.get("T", 3), case.get("B", 2)
    shared, pool, shape = case.get("shared", False), case.get("pool", False), case["shape"]
    draw = torch.Generator().manual_seed(0)

    def rand(*size: int) -> Tensor:
        return torch.rand(*size, dtype=torch.float64, generator=draw)

    current = rand(B if shared else T * B, n_E + n_I, *shape)
    current[:, :n_E] *= 4 * max(n_I, 1) ** 0.5 if n_I else 1.5
    no_zeros = case.get("circuit", {}).get("prop", {}).get("stabiliser") == "none"
    if n_I and not no_zeros:
        current[:, n_E:] *= rand(len(current), 1, *shape) < 0.6
        current[:, n_E:][current[:, n_E:] < 0.3] = 0
        current[0, n_E:] = 0
    if case.get("circuit", {}).get("dale") == "none":
        current -= 0.2
    if len(shape) == 2 and case.get("layout") != "NCHW":
        current = current.contiguous(memory_format=torch.channels_last)
    W_EI = rand(n_E, n_I)
    if not no_zeros:
        W_EI[rand(n_E, n_I) < 0.3] = 0
    weights = [W_EI, 2 * rand(n_I), rand(n_E) + 0.5, rand(n_E) - 0.5]
    out = (T * B, n_E, *(side // 2 if pool else side for side in shape))
    return [current, *weights, *([rand(*out)] if case.get("residual") else [])]


def readable(case: dict[str, Any], leaves: list[Tensor]) -> Tensor:
    current, W_EI, g_I, g_E, b_E, *residual = leaves
    circuit = CircuitConfig.model_validate(case.get("circuit", {}))
    neuron = NeuronConfig.model_validate(case.get("neuron", {}))
    n_E, T = case["n_E"], case.get("T", 3)
    I_int = current
    if case["n_I"]:
        s_I = current[:, n_E:].relu() if circuit.dale == "none" else current[:, n_E:]
        I_int = integrate(
            current[:, :n_E], s_I, W_EI, g_I, g_E, b_E, fan_in=27, prop=circuit.prop,
            subtractive=circuit.subtractive, divisive=circuit.divisive,
        )  # fmt: skip
    spikes = lif(
        I_int if case.get("shared") else I_int.unflatten(0, (T, -1)),
        tau=neuron.tau,
        threshold=neuron.threshold,
        surrogate=neuron.surrogate,
        reset=neuron.reset,
        detach_reset=neuron.detach_reset,
        shared_over=T if case.get("shared") else None,
    ).flatten(0, 1)
    if case.get("pool"):
        spikes = F.avg_pool2d(spikes, 2)
    return spikes + residual[0] if residual else spikes


def kernel(case: dict[str, Any], leaves: list[Tensor]) -> Tensor:
    current, W_EI, g_I, g_E, b_E, *residual = leaves
    circuit = CircuitConfig.model_validate(case.get("circuit", {})) if case["n_I"] else None
    neuron = NeuronConfig.model_validate(case.get("neuron", {}))
    return ops.circuit_spikes(
        current, W_EI, g_I, g_E, b_E,
        rules=rules(circuit, neuron, n_E=case["n_E"], fan_in=27, dtype=torch.float64),
        T=case.get("T", 3), shared=case.get("shared", False), pool=case.get("pool", False),
        residual=residual[0] if residual else None,
    )  # fmt: skip


def distance(a: Tensor, b: Tensor) -> float:
    largest = b.abs().max().item() if b.numel() else 0
    apart = (a - b).abs().max().item() if b.numel() else 0
    return apart / largest if largest else apart


def main() -> None:
    for case in CASES:
        results = []
        for path in (kernel, readable):
            leaves = [x.clone().requires_grad_() for x in inputs(case)]
            out = path(case, leaves)
            upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
            needed = leaves if case["n_I"] else [leaves[0], *leaves[5:]]
            grads = torch.autograd.grad(
                out, needed, upstream, allow_unused=True, materialize_grads=True
            )
            results.append((out, grads))
        (ours, our_grads), (theirs, their_grads) = results
        line = {
            "case": case,
            "flipped": (ours != theirs).double().mean().item(),
            "rate": theirs.mean().item(),
            "gradients": [distance(a, b) for a, b in zip(our_grads, their_grads, strict=True)],
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
