"""The kernels answer any input as the readable path does, or refuse it with an error that names the
argument.
"""

import pytest
import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import ops
from eisnn.kernels.rules import rules
from eisnn.layers.circuit import integrate
from eisnn.layers.neurons import lif
from tests.eisnn.kernels.needs import needs_kernels

pytestmark = needs_kernels

n_E, n_I, T = 6, 2, 2
RULES = rules(CircuitConfig(), NeuronConfig(), n_E=n_E, fan_in=9, dtype=torch.float64)


def arguments(*shape: int, N: int = 4) -> dict:
    torch.manual_seed(0)
    return {
        "input": torch.rand(N, n_E + n_I, *shape, dtype=torch.float64),
        "W_EI": torch.rand(n_E, n_I, dtype=torch.float64),
        "g_I": torch.rand(n_I, dtype=torch.float64),
        "g_E": torch.rand(n_E, dtype=torch.float64),
        "b_E": torch.rand(n_E, dtype=torch.float64),
        "residual": None,
        "T": T,
        "shared": False,
        "pool": False,
        "rules": RULES,
    }


def both_gradients(given: dict, circuit: CircuitConfig) -> list[list[torch.Tensor]]:
    """Spikes and gradients, by the kernel and by the readable path."""
    names = ("input", "W_EI", "g_I", "g_E", "b_E")
    leaves = [given[name].clone().requires_grad_() for name in names]
    current, W_EI, g_I, g_E, b_E = leaves
    numbers = rules(circuit, NeuronConfig(), n_E=n_E, fan_in=9, dtype=current.dtype)
    fast = ops.circuit_spikes(current, W_EI, g_I, g_E, b_E, rules=numbers, T=T)
    s_I = current[:, n_E:].relu() if circuit.dale == "none" else current[:, n_E:]
    I_int = integrate(current[:, :n_E], s_I, W_EI, g_I, g_E, b_E, fan_in=9, prop=circuit.prop)
    plain = lif(I_int.unflatten(0, (T, -1))).flatten(0, 1)
    return [
        [out.detach(), *torch.autograd.grad(out, leaves, torch.ones_like(out))]
        for out in (fast, plain)
    ]


@pytest.mark.parametrize(("N", "shape"), [(0, ()), (0, (3, 3)), (4, (4, 0)), (0, (0, 0))])
def test_an_empty_batch_or_map_gives_empty_spikes_and_no_gradient(N, shape):
    given = arguments(*shape, N=N)
    given["W_EI"].requires_grad_()
    spikes = torch.ops.eisnn.circuit_spikes(**given)[0]
    assert spikes.shape == (N, n_E, *shape)
    spikes.sum().backward()
    assert (given["W_EI"].grad == 0).all()


@pytest.mark.parametrize("shape", [(), (2, 2)])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("column", [0, n_E])
@pytest.mark.parametrize("dale", ["project", "none"])
def test_what_is_not_finite_spreads_as_in_the_readable_path(shape, value, column, dale):
    given = arguments(*shape)
    given["input"][1, column] = value
    given["input"][2, n_E:] = 0  # A silent sample stays one.
    fast, plain = both_gradients(given, CircuitConfig(dale=dale))
    for a, b in zip(fast, plain, strict=True):
        torch.testing.assert_close(a.isfinite(), b.isfinite())
        torch.testing.assert_close(a.nan_to_num(), b.nan_to_num())


def test_an_overflow_of_the_inhibition_is_not_taken_for_silence():
    given = arguments(2, 2)
    given["input"][0] *= 1e200
    given["g_I"] *= 1e200
    fast, plain = both_gradients(given, CircuitConfig())
    assert not fast[1].isfinite().all()
    torch.testing.assert_close(fast[1].isfinite(), plain[1].isfinite())


WRONG = {
    "T": 0,
    "W_EI": torch.rand(n_E, n_I + 1, dtype=torch.float64),
    "g_I": torch.rand(n_I - 1, dtype=torch.float64),
    "g_E": torch.rand(n_E, dtype=torch.float32),
    "b_E": torch.rand(1, dtype=torch.float64),
    "residual": torch.rand(4, n_E, 2, 1, dtype=torch.float64),
    "stabiliser": [*RULES[:3], 7.0, *RULES[4:]],
    "surrogate": [*RULES[:12], -1.0, *RULES[13:]],
    "rules": RULES[:-1],
    "input": torch.rand(4, n_E + n_I, 2, 2).half(),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_named(name):
    argument = "rules" if name in ("stabiliser", "surrogate") else name
    given = {**arguments(2, 2), argument: WRONG[name]}
    with pytest.raises(RuntimeError, match=f"circuit_spikes: .*{name}"):
        torch.ops.eisnn.circuit_spikes(**given)


@pytest.mark.parametrize("shape", [(), (2, 2)])
@pytest.mark.parametrize("name", ["upstream", "kept", "g_E"])
def test_the_backward_operation_refuses_what_it_would_read_beyond_its_end(name, shape):
    given = arguments(*shape)
    spikes, kept = torch.ops.eisnn.circuit_spikes(**given)
    del given["residual"]
    given |= {"upstream": torch.ones_like(spikes), "kept": kept}
    torch.ops.eisnn.circuit_spikes_backward(**given)
    given[name] = given[name][:-1]
    with pytest.raises(RuntimeError, match=f"circuit_spikes: {name}"):
        torch.ops.eisnn.circuit_spikes_backward(**given)


def test_the_convolution_names_wrong_weights_and_answers_empty_batches():
    x, w = torch.rand(2, 16, 4, 4), torch.rand(8, 16, 3, 3)
    with pytest.raises(RuntimeError, match="the weights must be"):
        torch.ops.eisnn.convolve3x3(x, w[..., :2], False)
    with pytest.raises(RuntimeError, match="the input has 16 channels, the weights 15"):
        torch.ops.eisnn.convolve3x3(x, w[:, :15], False)
    with pytest.raises(RuntimeError, match="does not belong"):
        torch.ops.eisnn.convolve3x3_weight(torch.rand(2, 8, 4, 3), x)
    assert torch.ops.eisnn.convolve3x3(x[:0], w, False).shape == (0, 8, 4, 4)
    assert (torch.ops.eisnn.convolve3x3_weight(torch.rand(0, 8, 4, 4), x[:0]) == 0).all()


@pytest.mark.parametrize("name", ["x", "W_EE", "W_IE", "W_EI", "T"])
def test_a_fully_connected_layer_names_a_wrong_argument(name):
    given = {key: value for key, value in arguments().items() if key in ("W_EI", "g_I", "g_E")}
    given |= {
        "x": torch.rand(4, 5, dtype=torch.float64),
        "W_EE": torch.rand(n_E, 5, dtype=torch.float64),
        "W_IE": torch.rand(n_I, 5, dtype=torch.float64),
        "b_E": torch.rand(n_E, dtype=torch.float64),
        "T": T,
        "shared": False,
        "rules": RULES,
    }
    torch.ops.eisnn.circuit_layer(**given)
    wrong = {"T": 0, "x": torch.rand(4, 5, 1)}
    given[name] = wrong[name] if name in wrong else given[name][:, :-1]
    with pytest.raises(RuntimeError, match=f"circuit_(layer|spikes): .*{name}"):
        torch.ops.eisnn.circuit_layer(**given)


def test_only_dense_parameters_are_projected_and_nan_stays():
    x = torch.tensor([-1.0, 2.0, float("nan"), -0.5])
    torch.ops.eisnn.project_([x])
    torch.testing.assert_close(x, torch.tensor([0.0, 2.0, float("nan"), 0.0]), equal_nan=True)
    with pytest.raises(RuntimeError, match="must be dense"):
        torch.ops.eisnn.project_([torch.zeros(4, 4)[:, ::2]])


@pytest.mark.parametrize("name", ["W_EI", "g_I", "g_E", "b_E"])
def test_a_tensor_on_another_device_is_refused_by_name(name):
    given = arguments(2, 2)
    given[name] = given[name].to("meta")  # the only other device that is on every machine
    cpu = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)  # by itself torch would ask the fake
    with pytest.raises(RuntimeError, match=f"{name} must be on the input's device, given meta"):
        torch.ops.eisnn.circuit_spikes.default.redispatch(cpu, **given)
