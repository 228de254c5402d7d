"""The fast paths equal their readable twins: outputs and every gradient."""

import pytest
import torch
import torch.nn.functional as F

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import choose, ops
from eisnn.kernels.rules import rules
from eisnn.layers.circuit import CircuitLayer, integrate
from eisnn.layers.neurons import lif
from tests.eisnn.kernels.needs import needs_kernels

# --- one layer


def readable(current, W_EI, g_I, g_E, b_E, residual, *, circuit, neuron, T, shared, pool, fan_in):
    n_E = W_EI.shape[0]
    I_ee, I_ie = current[:, :n_E], current[:, n_E:]
    s_I = I_ie.relu() if circuit.dale == "none" else I_ie
    I_int = integrate(
        I_ee, s_I, W_EI, g_I, g_E, b_E,
        fan_in=fan_in, prop=circuit.prop, subtractive=circuit.subtractive,
        divisive=circuit.divisive,
    )  # fmt: skip
    spikes = lif(
        I_int if shared else I_int.unflatten(0, (T, -1)), tau=neuron.tau,
        threshold=neuron.threshold, surrogate=neuron.surrogate,
        alpha=neuron.alpha, reset=neuron.reset, detach_reset=neuron.detach_reset,
        shared_over=T if shared else None,
    ).flatten(0, 1)  # fmt: skip
    spikes = F.avg_pool2d(spikes, 2) if pool else spikes
    return spikes if residual is None else spikes + residual


def layer_inputs(
    shape,
    n_E,
    n_I,
    *,
    N,
    outputs,
    pool=False,
    residual=False,
    dtype=torch.float64,
    signed=False,
    like=1.0,
):
    """A current with silent positions and one silent sample, parameters, and an upstream
    gradient."""
    rng = torch.Generator().manual_seed(0)

    def rand(*size):
        return torch.rand(*size, dtype=torch.float64, generator=rng).to(dtype)

    current = rand(N, n_E + n_I, *shape) * like - (0.3 if signed else 0)
    current[:, :n_E] *= 2
    current = current * (rand(N, 1, *shape) > 0.2)
    current[0] = 0
    out = (outputs, n_E, *(side // 2 if pool else side for side in shape))
    parameters = [rand(n_E, n_I) / n_I, rand(n_I) + 0.5, rand(n_E) + 0.5, rand(n_E) * 0.2 - 0.1]
    inputs = [current, *parameters, *([rand(*out)] if residual else [])]
    return [x.requires_grad_() for x in inputs], rand(*out) - 0.5


def both_paths(inputs, upstream, circuit, neuron, **options):
    """(output, gradients) of the readable and of the fast path."""
    current, W_EI, g_I, g_E, b_E, *rest = inputs
    residual = rest[0] if rest else None
    twin = readable(
        current, W_EI, g_I, g_E, b_E, residual, circuit=circuit, neuron=neuron, fan_in=20, **options
    )
    numbers = rules(circuit, neuron, n_E=W_EI.shape[0], fan_in=20, dtype=current.dtype)
    fast = ops.circuit_spikes(
        current, W_EI, g_I, g_E, b_E, rules=numbers, residual=residual, **options
    )
    return [
        (out, torch.autograd.grad(out, inputs, upstream, allow_unused=True, materialize_grads=True))
        for out in (twin, fast)
    ]


def assert_equal(paths, tolerance):
    (out, grads), (fast_out, fast_grads) = paths
    assert fast_out.shape == out.shape
    torch.testing.assert_close(fast_out, out, rtol=tolerance, atol=tolerance)
    for grad, fast_grad in zip(grads, fast_grads, strict=True):
        assert fast_grad.isfinite().all()
        torch.testing.assert_close(
            fast_grad, grad, rtol=tolerance, atol=tolerance * max(1.0, grad.abs().max().item())
        )


SHAPES = {
    "cells": ((), 20, 5),
    "odd map": ((3, 5), 7, 1),
    "even map": ((4, 6), 33, 3),
    "whole vectors": ((4, 2), 64, 16),
}
CIRCUITS = {
    "default": {},
    "divisive only": {"subtractive": False},
    "subtractive only": {"divisive": False},
    "neither": {"subtractive": False, "divisive": False},
    "signed": {"dale": "none"},
    "epsilon": {"prop": {"stabiliser": "epsilon", "epsilon": 0.01}},
    "clamp": {"prop": {"stabiliser": "clamp", "epsilon": 0.1}},
    "detach": {"prop": {"detach": True}},
    "dann": {"prop": {"corrections": "dann"}},
    "no scaling": {"prop": {"grad_scale_exponent": 0.0}},
    "epsilon, straight-through off": {
        "prop": {"stabiliser": "epsilon", "epsilon": 0.01, "straight_through": False}
    },
}
NEURONS = {
    "default": {},
    "hard": {"reset": "hard", "surrogate": "atan"},
    "soft, attached": {"detach_reset": False, "surrogate": "triangle", "tau": 3.0},
    "hard, attached": {"detach_reset": False, "reset": "hard", "threshold": 0.8, "alpha": 2.0},
}


@needs_kernels
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_spikes_and_gradients_equal_the_readable_twins(shape, circuit, neuron):
    trailing, n_E, n_I = SHAPES[shape]
    cells = (
        CircuitConfig.model_validate(CIRCUITS[circuit]),
        NeuronConfig.model_validate(NEURONS[neuron]),
    )
    assert choose.why_unsupported(*cells) is None
    signed = circuit == "signed"
    pools = shape in ("even map", "whole vectors")
    for T, shared, pool, residual in [
        (3, False, False, True),
        (3, True, pools, False),
        (1, False, pools, True),
    ]:
        inputs, upstream = layer_inputs(
            trailing,
            n_E,
            n_I,
            N=5 if shared else 5 * T,
            outputs=5 * T,
            pool=pool,
            residual=residual,
            signed=signed,
        )
        assert_equal(both_paths(inputs, upstream, *cells, T=T, shared=shared, pool=pool), 1e-9)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_agrees_within_rounding(shape):
    trailing, n_E, n_I = SHAPES[shape]
    inputs, upstream = layer_inputs(trailing, n_E, n_I, N=12, outputs=12, dtype=torch.float32)
    (out, grads), (fast, fast_grads) = both_paths(
        inputs, upstream, CircuitConfig(), NeuronConfig(), T=4, shared=False, pool=False
    )
    assert (out != fast).float().mean() < 1e-3, (
        "only currents within rounding of the threshold may differ"
    )
    if torch.equal(out, fast):
        for grad, fast_grad in zip(grads, fast_grads, strict=True):
            torch.testing.assert_close(
                fast_grad, grad, rtol=1e-4, atol=1e-5 * grad.abs().max().item()
            )


@needs_kernels
def test_memory_formats_and_strides_make_no_difference():
    inputs, upstream = layer_inputs((4, 6), 9, 3, N=6, outputs=6)
    numbers = rules(CircuitConfig(), NeuronConfig(), n_E=9, fan_in=20, dtype=torch.float64)
    current, *parameters = inputs
    results = []
    for view in (
        lambda x: x,
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: torch.cat([x, x], dim=3)[..., : x.shape[3]],
        lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    ):
        out = ops.circuit_spikes(view(current), *parameters, rules=numbers, T=2)
        results.append((out, *torch.autograd.grad(out, inputs, view(upstream))))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)
    assert results[0][0].is_contiguous(memory_format=torch.channels_last)


@needs_kernels
def test_a_silent_sample_gives_the_bias_and_no_gradient():
    inputs, upstream = layer_inputs((2, 2), 8, 2, N=2, outputs=2)
    current, *parameters = inputs
    out = ops.circuit_spikes(
        current,
        *parameters,
        rules=rules(CircuitConfig(), NeuronConfig(), n_E=8, fan_in=4, dtype=torch.float64),
        T=1,
    )
    assert torch.equal(out[0], (parameters[3] >= 1).to(out.dtype)[:, None, None].expand_as(out[0]))
    assert (torch.autograd.grad(out, current, upstream)[0][0] == 0).all()


@needs_kernels
def test_rounding_noise_of_a_convolution_counts_as_zero():
    """Noise of 1e-6 of the largest inhibition, as an FFT leaves it, changes nothing much.

    As a divisor it would.
    """
    inputs, _ = layer_inputs((4, 4), 8, 2, N=4, outputs=4, dtype=torch.float32)
    current, *parameters = (x.detach() for x in inputs)
    noise = torch.where(current == 0, 1e-6 * torch.rand_like(current), 0)
    noise[0] = 0
    numbers = rules(CircuitConfig(), NeuronConfig(), n_E=8, fan_in=4)
    outs = [
        ops.circuit_spikes(x, *parameters, rules=numbers, T=2) for x in (current, current + noise)
    ]
    assert torch.equal(*outs)


@needs_kernels
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("channels", [5, 32])
def test_cells_alone(channels, shared, pool):
    current = torch.randn(
        4 if shared else 12, channels, 4, 6, dtype=torch.float64, requires_grad=True
    )
    neuron = NeuronConfig(tau=3.0)
    twin = lif(
        current if shared else current.unflatten(0, (3, 4)),
        tau=3.0,
        shared_over=3 if shared else None,
    ).flatten(0, 1)
    twin = F.avg_pool2d(twin, 2) if pool else twin
    fast = ops.lif_spikes(current, rules=rules(None, neuron), T=3, shared=shared, pool=pool)
    torch.testing.assert_close(fast, twin)
    upstream = torch.randn_like(twin)
    torch.testing.assert_close(
        *(torch.autograd.grad(out, current, upstream)[0] for out in (fast, twin))
    )


@needs_kernels
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("dale", ["project", "none"])
def test_a_layer_at_once_equals_its_map_and_circuit_bit_for_bit(dale, shared):
    """One operation for map and circuit sums in the order of the two, forward and backward."""
    config = CircuitConfig(dale=dale)
    layer = CircuitLayer(11, 20, config=config, ei_ratio=4, T=3, name="c")
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(0.1, 0.5)
        layer.W_EI.mul_(0.2)
        layer.b_E.copy_(torch.linspace(-2, 1, 20))
    x = torch.rand(5 if shared else 15, 11, requires_grad=True)
    leaves = [x, layer.W_EE, layer.W_IE, layer.W_EI, layer.g_I, layer.g_E, layer.b_E]
    numbers = rules(config, NeuronConfig(), n_E=20, fan_in=11)
    upstream = torch.rand(15, 20) - 0.5
    joint = torch.cat([F.linear(x, layer.W_EE), F.linear(x, layer.W_IE)], dim=1)
    results = []
    for out in (
        ops.circuit_spikes(joint, *leaves[3:], rules=numbers, T=3, shared=shared),
        ops.layer_spikes(*leaves, rules=numbers, T=3, shared=shared),
    ):
        results.append((out, *torch.autograd.grad(out, leaves, upstream)))
    (spikes, d_x, *others), (spikes_at_once, d_x_at_once, *others_at_once) = results
    assert 0 < spikes.mean() < 1
    torch.testing.assert_close(d_x, d_x_at_once)  # autograd adds its two parts otherwise
    for a, b in zip([spikes, *others], [spikes_at_once, *others_at_once], strict=True):
        assert a.abs().max() > 0
        assert torch.equal(a, b)


# --- the convolution


@needs_kernels
@pytest.mark.parametrize(
    ("N", "C", "K", "height", "width"),
    [(3, 16, 7, 5, 6), (2, 64, 80, 8, 8), (4, 17, 33, 2, 2), (5, 40, 20, 3, 9)],
)
def test_the_3x3_convolution_is_as_exact_as_torchs(N, C, K, height, width):
    x, w = torch.randn(N, C, height, width), torch.randn(K, C, 3, 3)
    upstream = torch.randn(N, K, height, width)
    results = []
    for convolve, dtype in [
        (lambda a, b: F.conv2d(a, b, padding=1), torch.float64),
        (lambda a, b: F.conv2d(a, b, padding=1), torch.float32),
        (lambda a, b: torch.ops.eisnn.convolve3x3(a, b, False), torch.float32),
    ]:
        a, b = x.to(dtype).requires_grad_(), w.to(dtype).requires_grad_()
        out = convolve(a, b)
        results.append([out, *torch.autograd.grad(out, [a, b], upstream.to(dtype))])
    for exact, direct, ours in zip(*results, strict=True):
        scale = exact.abs().max()
        error = ((ours - exact).abs().max() / scale).item()
        assert error < max(8 * ((direct - exact).abs().max() / scale).item(), 2e-6)


@needs_kernels
def test_spikes_convolved_with_whole_numbers_are_exact():
    x, w = (torch.rand(4, 20, 6, 6) < 0.2).float(), torch.randint(-8, 9, (12, 20, 3, 3)).float() * 4
    assert torch.equal(torch.ops.eisnn.convolve3x3(x, w, False), F.conv2d(x, w, padding=1))


# --- tracing


@needs_kernels
def test_the_operations_describe_themselves_to_torch():
    inputs, _ = layer_inputs((4, 4), 8, 2, N=4, outputs=4, dtype=torch.float32)
    numbers = rules(CircuitConfig(), NeuronConfig(), n_E=8, fan_in=4)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(
        torch.ops.eisnn.circuit_spikes, (*inputs, None, 2, False, True, numbers), test_utils=tests
    )
    x, w = torch.rand(2, 16, 4, 4, requires_grad=True), torch.rand(20, 16, 3, 3, requires_grad=True)
    torch.library.opcheck(torch.ops.eisnn.convolve3x3, (x, w, False), test_utils=tests)
    dense, _ = layer_inputs((), 8, 2, N=4, outputs=4, dtype=torch.float32)
    maps = [torch.rand(n, 5, requires_grad=True) for n in (4, 8, 2)]
    layer = (*maps, *dense[1:5], 2, False, numbers)
    torch.library.opcheck(torch.ops.eisnn.circuit_layer, layer, test_utils=tests)
