"""Runs every C++ kernel over many shapes; the folder of a sanitizer's build is the argument.

A program of its own, as the sanitizer's runtime must be there before Python starts.
"""

import itertools
import sys

import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import ops
from eisnn.kernels.rules import rules

torch.ops.load_library(sys.argv[1])
torch.set_num_threads(4)
T = 2
done = refused = 0


def attempt(call):
    """Counts an answer, or a refusal with an error; a sanitizer ends the process otherwise."""
    global done, refused
    try:
        call()
        done += 1
    except RuntimeError:
        refused += 1


def circuit(n_E, n_I, shape, B, shared, dtype, cut):
    weights = [torch.rand(n_E, n_I), torch.rand(n_I), torch.rand(n_E), torch.rand(n_E)]
    weights = [w.to(dtype).requires_grad_() for w in weights]
    if cut is not None:
        weights[cut] = weights[cut].detach()[:-1]
    x = torch.rand(B * (1 if shared else T), n_E + n_I, *shape).to(dtype).requires_grad_()
    numbers = rules(CircuitConfig(), NeuronConfig(), n_E=n_E, fan_in=9, dtype=dtype)
    pool = bool(shape) and shape[0] % 2 == 0 and shape[1] % 2 == 0
    ops.circuit_spikes(x, *weights, rules=numbers, T=T, shared=shared, pool=pool).sum().backward()
    if not shape:
        x = torch.rand(B * (1 if shared else T), 5).to(dtype).requires_grad_()
        maps = [torch.rand(n, 5).to(dtype).requires_grad_() for n in (n_E, n_I)]
        ops.layer_spikes(x, *maps, *weights, rules=numbers, T=T, shared=shared).sum().backward()


def convolution(N, C, K, height, width):
    x = torch.rand(N, C, height, width, requires_grad=True)
    w = torch.rand(K, C, 3, 3, requires_grad=True)
    torch.ops.eisnn.convolve3x3(x, w, False).sum().backward()


sizes = [(1, 1), (7, 1), (8, 2), (33, 3), (64, 16)]
shapes = [(), (1, 1), (3, 5), (4, 2), (4, 0)]
types = [torch.float32, torch.float64]
for (n_E, n_I), shape, B, shared, dtype in itertools.product(
    sizes, shapes, [0, 1, 5], [False, True], types
):
    for cut in (None, 0, 1, 2, 3):
        attempt(lambda: circuit(n_E, n_I, shape, B, shared, dtype, cut))  # noqa: B023
for N, C, K, (height, width) in itertools.product(
    [0, 1, 3], [1, 16, 17], [1, 8, 33], [(1, 1), (2, 2), (5, 3), (0, 4)]
):
    attempt(lambda: convolution(N, C, K, height, width))  # noqa: B023
for n in (0, 1, 7, 8, 9, 1000):
    attempt(lambda: torch.ops.eisnn.project_([torch.randn(n)]))  # noqa: B023
print(f"{done} answered, {refused} refused")
