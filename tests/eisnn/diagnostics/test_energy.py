"""Operation counts against numbers worked out by hand, and fan-outs against a convolution of
ones."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eisnn import build_model, initialize
from eisnn.diagnostics.energy import Operations, count_operations, fan_out
from tests.eisnn.diagnostics.small_nets import mlp


def everything(model, value=1.0):
    """All weights equal: every cell does what its neighbour does."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    model.initialized = True
    return model


def test_circuit_by_hand():
    # W = 1 everywhere and b_E = 1: I_int = (I_ee - I_sub) / I_div + 1. One pixel of value 1: I_ee =
    # I_ie = 1, n_I = 1, so that I_sub = I_div = 1 and I_int = 1: every cell spikes at both steps.
    # Layer 2: I_ee = 5 = I_sub: I_int = 1, all spike; so does layer 3.
    model = everything(mlp())
    x = torch.zeros(4, 1, 2, 3)
    x[:, 0, 1, 2] = 1
    first = 6 * (5 + 1)  # 6 pixels, 5 E and 1 I cells, once for both steps
    inhibition = 5 + 5 + 1 + 5 + 5  # W_EI s_I, W_EI (g_I s_I), g_I s_I, division, gain and bias
    second = 2 * 5 * (5 + 1)  # ACs: 2 steps, 5 spikes, 6 cells
    third = 2 * 5 * (3 + 1)
    out = 2 * 3 * (2 + 1)
    macs = first + inhibition + 2 * inhibition + 2 * (3 + 3 + 1 + 3 + 3) + 2 * 2
    acs = second + third + out
    weights = (
        (5 + 1) * 6
        + (5 + 1) * 5
        + (3 + 1) * 5
        + (2 + 1) * 3
        + (5 + 5 + 3 + 2)
        + (5 + 5 + 1) * 2
        + (3 + 3 + 1)
    )
    assert count_operations(model, x) == Operations(
        macs, acs, pytest.approx((macs * 4.6 + acs * 0.9) / 1000), weights
    )


def test_silence_costs_no_accumulation_but_pixels_are_multiplied_whatever_they_are():
    model = everything(mlp())
    with torch.no_grad():
        for circuit in model.circuits():
            if not circuit.output_layer:
                circuit.b_E.zero_()
    found = count_operations(model, torch.zeros(4, 1, 2, 3))
    assert found.acs == 0
    assert found.macs == 36 + 21 + 2 * 21 + 2 * 13 + 2 * 2


@pytest.mark.parametrize(
    ("circuit", "per_position"),
    [
        ({}, 5 + 5 + 1 + 5 + 5),
        ({"subtractive": False}, 5 + 1 + 5 + 5),
        ({"divisive": False}, 5 + 5),
        ({"subtractive": False, "divisive": False}, 5),
    ],
)
def test_kinds_of_inhibition(circuit, per_position):
    model = everything(mlp(circuit=circuit))
    found = count_operations(model, torch.ones(1, 1, 2, 3))
    subtractive, divisive = circuit.get("subtractive", True), circuit.get("divisive", True)
    third, out = 3 * (subtractive + 2 * divisive + 1) + divisive, 2 * subtractive
    assert found.macs == 36 + per_position + 2 * per_position + 2 * third + 2 * out


def test_spiking_inhibitory_cells_make_accumulations():
    model = everything(mlp(circuit={"inhibitory_cells": "spiking"}))
    found = count_operations(model, torch.ones(3, 1, 2, 3))
    assert found.macs == 36 + 2 * (10 + 10 + 6)  # division and gain of 5 + 5 + 3 cells at each step
    # Each I cell gets >= 3 and spikes at both steps; E cells: I_ee > I_sub, b_E = 1, all spike.
    # Output: 1 I cell, 2 E cells, no division.
    assert found.acs == 2 * (5 * 6 + 5 * 4 + 3 * 3) + 2 * (2 * 5 + 2 * 5 + 2 * 3 + 2)


def test_baselines_by_hand():
    model = everything(mlp(model={"norm": "none"}))
    found = count_operations(model, torch.ones(7, 1, 2, 3))
    assert (found.macs, found.acs) == (30, 2 * (25 + 15 + 6))
    assert found.parameters == 6 * 5 + 5 * 5 + 5 * 3 + 3 * 2 + 5 + 5 + 3 + 2


def test_batch_normalisation_folds_away():
    model = everything(mlp(model={"norm": "bn"}))
    found = count_operations(model, torch.ones(7, 1, 2, 3))
    assert (found.macs, found.acs) == (30, 2 * (25 + 15 + 6))
    assert all(
        module.num_batches_tracked == 0
        for module in model.modules()
        if isinstance(module, nn.BatchNorm1d)
    )


def test_events_and_pooled_spikes_are_accumulations():
    model = {
        "arch": "VGG",
        "layers": 4,
        "width": 1 / 64,
        "T": 3,
        "input_shape": (2, 4, 4),
        "classes": 2,
        "norm": "none",
    }
    model = everything(build_model({"model": model}))
    x = torch.zeros(1, 3, 2, 4, 4)
    x[0, 1, 0, 1, 1] = 0.3  # one event at step 1, in the middle: seen by 9 windows of 1 channel
    found = count_operations(model, x)
    assert found.macs == 0
    # Biases are 1: everything spikes at every step. Layer 2 sees 2x2 pooled spikes (each in 4
    # windows), layer 3 one pixel of 2 channels (1 window, 4 outputs), the read-out 4 cells of 2
    # classes.
    assert found.acs == 9 * 1 + 3 * (4 * 4 * 1 * 2 + 1 * 2 * 4 + 4 * 2)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 5), (8, 7)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (2, 2, 0), (5, 1, 2), (3, 3, 0)],
)
def test_fan_out_is_the_transposed_convolution_of_ones(shape, kernel, stride, padding):
    if min(shape) + 2 * padding < kernel:
        pytest.skip("the window does not fit")
    weight = torch.ones(1, 1, kernel, kernel)
    x = torch.ones(1, 1, *shape, requires_grad=True)
    F.conv2d(x, weight, stride=stride, padding=padding).sum().backward()
    assert torch.equal(fan_out((3, *shape), kernel, stride, padding), x.grad[0, 0].long())


def test_residual_network_counts_every_layer():
    """All ones and biases 1, so that nothing is sparse.

    What a dense count of the same convolutions gives.
    """
    shape = {
        "arch": "ResNet",
        "layers": 18,
        "width": 1 / 64,
        "T": 2,
        "input_shape": (3, 8, 8),
        "classes": 2,
        "norm": "none",
    }
    found = count_operations(everything(build_model({"model": shape})), torch.rand(1, 3, 8, 8))

    def windows(
        size, stride=1
    ):  # pixel-window meetings along both axes of a 3x3 convolution with padding 1
        return int(fan_out((1, size, size), 3, stride, 1).sum())

    def stage(
        size, inputs, cells
    ):  # the second to fourth: halves the map, with a 1x1 shortcut over every other pixel
        first = windows(2 * size, 2) * inputs * cells + windows(size) * cells**2
        return first + size**2 * inputs * cells + 2 * windows(size) * cells**2

    assert found.macs == windows(8) * 3
    assert found.acs == 2 * (
        4 * windows(8) + stage(4, 1, 2) + stage(2, 2, 4) + stage(1, 4, 8) + 8 * 2
    )


def test_leaves_no_trace():
    model = build_model(
        {
            "model": {
                "arch": "VGG",
                "layers": 4,
                "width": 1 / 16,
                "input_shape": (1, 8, 8),
                "norm": "bn",
            }
        }
    )
    x = torch.rand(4, 1, 8, 8)
    initialize(model, x)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_operations(model, x)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
