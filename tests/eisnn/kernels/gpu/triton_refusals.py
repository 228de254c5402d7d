"""Run as a program by test_sizes.py: what the Triton backend says of wrong arguments, a line for
each; and empty batches.
"""

from __future__ import annotations

import json

import interpreted  # noqa: F401 - before anything else imports triton
import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import ops
from eisnn.kernels.rules import rules

n_E, n_I, T = 6, 2, 2
NUMBERS = rules(CircuitConfig(), NeuronConfig(), n_E=n_E, fan_in=9, dtype=torch.float64)


def double(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64)


GOOD = {
    "input": double(4, n_E + n_I, 2, 2),
    "W_EI": double(n_E, n_I),
    "g_I": double(n_I),
    "g_E": double(n_E),
    "b_E": double(n_E),
    "residual": None,
    "T": T,
    "shared": False,
    "pool": False,
    "rules": NUMBERS,
}
WRONG = {
    "T": 0,
    "W_EI": double(n_E, n_I + 1),
    "g_I": double(n_I - 1),
    "g_E": double(n_E).float(),
    "b_E": double(1),
    "residual": double(4, n_E, 2, 1),
    "pool": True,
    "rules": [*NUMBERS[:3], 7.0, *NUMBERS[4:]],
}

for name, value in WRONG.items():
    given = {**GOOD, name: value}
    if name == "pool":
        given["input"] = double(4, n_E + n_I, 3, 3)
    try:
        torch.ops.eisnn.circuit_spikes(**given)
        message = "nothing"
    except RuntimeError as error:
        message = str(error)
    print(json.dumps({"wrong": name, "message": message}), flush=True)

W_EI = GOOD["W_EI"].clone().requires_grad_()
empty = double(0, n_E + n_I, 2, 2)
spikes = ops.circuit_spikes(empty, W_EI, GOOD["g_I"], GOOD["g_E"], GOOD["b_E"], rules=NUMBERS, T=T)
assert spikes.shape == (0, n_E, 2, 2)
spikes.sum().backward()
assert (W_EI.grad == 0).all()
