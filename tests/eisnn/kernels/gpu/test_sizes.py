"""What the Triton kernels refuse, and tiles that fit every GPU without spills."""

from __future__ import annotations

import pytest
import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels.rules import rules
from tests.eisnn.kernels.gpu.programs import lines

sizes = pytest.importorskip("eisnn.kernels.gpu.sizes", reason="triton comes with torch on Linux")

pytestmark = pytest.mark.timeout(900)  # interpreted kernels are slow on a busy machine
KERNELS = ("extremes", "forward", "cells", "weights", "finish", "currents")


def test_wrong_arguments_are_named_and_empty_batches_answered():
    results = lines("triton_refusals.py")
    assert {line["wrong"] for line in results} >= {"T", "W_EI", "g_I", "g_E", "b_E", "residual"}
    for line in results:
        assert f"circuit_spikes: {line['wrong']}" in line["message"]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_compiles_for_every_gpu_without_spills(kernel):
    """Every option that changes the machine code is tried on one architecture, the default on
    all."""
    from tests.eisnn.kernels.gpu.offline import ARCHITECTURES, POOLED, usage, variants_of

    pooled = POOLED if kernel == "forward" else {}
    found = [usage(kernel, architecture, **pooled) for architecture in ARCHITECTURES]
    for changed in variants_of(kernel):
        given = changed if changed.get("POOL") is False else {**pooled, **changed}
        found.append(usage(kernel, 90, **given))
    assert not [str(one) for one in found if one.stack]


def described(samples, n_E, n_I, *, shared=False, pool=False):
    """A call on maps of 4 x 6 positions at T = 3."""
    current, W_EI = torch.empty(samples, n_E + n_I, 4, 6), torch.empty(n_E, n_I)
    numbers = rules(CircuitConfig(), NeuronConfig(), n_E=n_E, fan_in=9)
    return sizes.describe(current, W_EI, 3, shared, pool, numbers), current


def test_a_call_knows_its_sizes():
    layer, current = described(6, 20, 5, pool=True)
    assert (layer.B, layer.N, layer.P, layer.width) == (2, 6, 24, 6)
    assert sizes.output_shape(layer, current) == (6, 20, 2, 3)
    # v of 3 steps, 2 images, 24 positions and 20 cells; two limits for each of 6 samples
    assert sizes.kept_size(layer) == 3 * 2 * 24 * 20 + 2 * 6


def test_steps_that_share_a_current_have_a_sample_for_each_image():
    layer, current = described(6, 20, 5, shared=True)
    assert (layer.B, layer.N) == (6, 6)
    assert sizes.output_shape(layer, current) == (18, 20, 4, 6)


@pytest.mark.parametrize(
    ("n_E", "n_I", "BN", "KO"), [(16, 4, 16, 16), (17, 17, 64, 32), (64, 80, 64, 32)]
)
def test_tiles_are_no_wider_than_narrow_layers(n_E, n_I, BN, KO):
    layer, _ = described(3, n_E, n_I)
    assert (layer.tile["BN"], layer.KO) == (BN, KO)
