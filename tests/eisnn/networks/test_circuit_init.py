"""How a circuit's weights start.

Against the authors' numbers, and in the moments and balances that they promise.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eisnn.config.sections.circuit import CircuitConfig, InitConfig
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.circuit_init import (
    coefficient_of_variation,
    divisive_gain,
    draw,
    initialize_circuit,
    input_statistics,
    weight_mean,
)
from eisnn.seeding import generator
from tests.eisnn import golden


@pytest.mark.parametrize("case", golden.record("init"), ids=lambda case: case["case"])
def test_statistics_scale_and_gain_are_the_authors(case):
    x = np.random.default_rng(case["seed"]).uniform(size=case["shape"])
    x = torch.from_numpy((x > 0.8).astype(np.float64) if case["spikes"] else x)
    statistics = input_statistics(x)
    ours = [
        statistics.mean,
        statistics.variance,
        statistics.mean_square,
        weight_mean(statistics, case["fan_in"]),
        divisive_gain(statistics, case["fan_in"]),
    ]
    theirs = [case[name] for name in ("E_x", "Var_x", "E_x_square", "exp_scale", "g_i")]
    for a, b in zip(ours, theirs, strict=True):
        assert math.isclose(a, b, rel_tol=1e-9)


def test_a_static_images_statistics_are_those_of_its_repetition_over_time():
    x = torch.rand(5, 3, 4, 4)
    assert input_statistics(x, repeats=4) == pytest.approx(
        input_statistics(x.repeat(4, 1, 1, 1)), rel=1e-12
    )


DISTRIBUTIONS = [
    InitConfig(), InitConfig(distribution="gamma", gamma_shape=0.25),
    InitConfig(distribution="gamma", gamma_shape=9.0),
    InitConfig(distribution="lognormal"), InitConfig(distribution="half_normal"),
    InitConfig(distribution="uniform"),
]  # fmt: skip


def name_of(init):
    return init.distribution + (f" {init.gamma_shape}" if init.gamma_shape else "")


@pytest.mark.parametrize("init", DISTRIBUTIONS, ids=name_of)
def test_weights_have_the_mean_and_spread_of_their_distribution_and_no_sign(init):
    w = draw(init, torch.Size([400, 500]), 0.3, generator("test"))
    assert w.min() >= 0
    assert w.mean().item() == pytest.approx(0.3, rel=0.02)
    assert (w.std() / w.mean()).item() == pytest.approx(coefficient_of_variation(init), rel=0.04)


def test_lognormal_matches_the_exponential_in_mean_and_variance_and_gamma_one_is_it():
    assert coefficient_of_variation(InitConfig(distribution="lognormal")) == 1
    assert coefficient_of_variation(InitConfig(distribution="gamma", gamma_shape=1.0)) == 1


def spikes(N=4000, d=50, rate=0.2, seed=0):
    return (torch.rand(N, d, generator=torch.Generator().manual_seed(seed)) < rate).double()


def layer(d=50, n_E=400, ei_ratio=4, T=1, kind="hidden", **options) -> CircuitLayer:
    return CircuitLayer(
        d,
        n_E,
        config=CircuitConfig(**options),
        ei_ratio=ei_ratio,
        T=T,
        name="features.3",
        kind=kind,
    ).double()


def divisor(circuit, x):
    """I_div, before stabilisation."""
    return (
        circuit.inhibitory_activity(circuit.currents(x)[1])
        * circuit.weight("g_I")
        @ circuit.weight("W_EI").T
    )


@pytest.mark.parametrize("init", DISTRIBUTIONS, ids=name_of)
def test_currents_have_the_inputs_variance_and_are_divided_by_their_own_deviation(init):
    """What Eqs.

    53 and 54 are for: Var[I_ee] = V, E[I_div] = std[I_ee], E[I_sub] = E[I_ee]; for every
    distribution.
    """
    circuit, x = layer(init=init), spikes()
    initialize_circuit(circuit, x, seed=0)
    I_ee, s_I = circuit.currents(x)
    V = input_statistics(x).variance
    # over the batch and the draws of weights: the variance of all entries around the common mean
    assert I_ee.var().item() == pytest.approx(V, rel=0.12)
    assert divisor(circuit, x).mean().item() == pytest.approx(math.sqrt(V), rel=0.08)
    assert (s_I @ circuit.W_EI.T).mean().item() == pytest.approx(I_ee.mean().item(), rel=0.08)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("n_I", [1, 2, 100])
def test_the_integrated_current_has_the_deviation_that_theory_gives(rate, n_I):
    """std(I_int) ~ sqrt((1 + 1/n_I) / (2 - p)) for Bernoulli(p) inputs."""
    found = []
    for seed in range(20 if n_I < 10 else 3):
        circuit, x = layer(d=300, ei_ratio=400 // n_I), spikes(N=300, d=300, rate=rate, seed=seed)
        initialize_circuit(circuit, x, seed=seed)
        found.append(circuit(x).square().mean().item())
    assert math.sqrt(sum(found) / len(found)) == pytest.approx(
        math.sqrt((1 + 1 / n_I) / (2 - rate)), rel=0.12
    )


def test_gain_multiplies_g_E_and_kappa_the_inhibitory_weights_alone():
    plain, other, x = layer(), layer(init=InitConfig(gain=2.5, kappa=0.5)), spikes(100)
    for circuit in (plain, other):
        initialize_circuit(circuit, x, seed=3)
    torch.testing.assert_close(other.g_E, plain.g_E * 2.5)
    torch.testing.assert_close(other.W_IE, plain.W_IE * 0.5)
    for name in ("W_EE", "W_EI", "g_I", "b_E"):
        assert torch.equal(getattr(other, name), getattr(plain, name)), name


def test_dann_and_kaiming_have_the_numbers_of_their_papers():
    circuit = layer(d=200, init=InitConfig(scheme="dann"))
    initialize_circuit(circuit, spikes(10, d=200) * 7, seed=0)  # the input does not matter
    # Cornford et al. 2021: exponential with mean sqrt(2 pi) / sqrt(d (2 pi - 1)), e^alpha = sqrt(2
    # pi - 1) / sqrt(d)
    assert circuit.W_EE.mean().item() == pytest.approx(
        math.sqrt(2 * math.pi / (200 * (2 * math.pi - 1))), rel=0.02
    )
    torch.testing.assert_close(
        circuit.g_I, torch.full_like(circuit.g_I, math.sqrt((2 * math.pi - 1) / 200))
    )
    x = torch.randn(4000, 200, generator=torch.Generator().manual_seed(0)).double().relu()
    assert circuit.currents(x)[0].var().item() == pytest.approx(1, rel=0.1)
    circuit = layer(d=200, init=InitConfig(scheme="kaiming"))
    initialize_circuit(circuit, spikes(10, d=200), seed=0)
    assert circuit.W_EE.square().mean().item() == pytest.approx(2 / 200, rel=0.02)
    assert circuit.W_EI.square().mean().item() == pytest.approx(2 / 100, rel=0.02)
    assert circuit.W_EE.min() >= 0


@pytest.mark.parametrize(
    ("subtractive", "divisive"), [(True, False), (False, True), (False, False)]
)
def test_what_an_inhibition_taken_away_would_give_stands_in_for_it_at_the_start(
    subtractive, divisive
):
    """Otherwise an ablation of one would only show that currents of mean 8 saturate and currents of
    deviation 0.1 fall silent."""
    whole, x = layer(d=300), spikes(400, d=300)
    part = layer(d=300, subtractive=subtractive, divisive=divisive, init=InitConfig(gain=1.5))
    for circuit in (whole, part):
        initialize_circuit(circuit, x, seed=0)
    scale = 1.5 * whole(x).std().item()
    assert abs(part(x).mean().item()) < 0.25 * scale
    assert 0.5 * scale < part(x).std().item() < 1.5 * scale


@pytest.mark.parametrize("tau_I", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_spiking_inhibitory_cells_start_balanced_and_fire_from_the_first_step_on(tau_I, rate):
    circuit = layer(d=200, T=6, inhibitory_cells="spiking", tau_I=tau_I)
    x = spikes(6 * 100, d=200, rate=rate)
    initialize_circuit(circuit, x, seed=0)
    I_ee, I_ie = circuit.currents(x)
    s_I = circuit.inhibitory_activity(I_ie)
    assert 0.4 < s_I.view(6, 100, -1)[0].mean() < 0.6
    assert 0.4 < s_I.mean() < 0.95
    assert (s_I @ circuit.W_EI.T).mean().item() == pytest.approx(I_ee.mean().item(), rel=1e-6)
    assert divisor(circuit, x).mean().item() == pytest.approx(I_ee.std().item(), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    ratio=st.sampled_from([1, 2, 4, 8]),
    distribution=st.sampled_from(["exponential", "lognormal", "half_normal", "uniform"]),
    convolution=st.booleans(),
)
def test_after_init_the_circuit_does_not_see_the_scale_of_its_input_nor_of_its_weights(
    scale, ratio, distribution, convolution
):
    x = spikes(24, 12, rate=0.3)
    window = {"kernel": 3, "padding": 1} if convolution else {}
    x = x.view(6, 4, 3, 4) if convolution else x
    outputs = []
    for factor in (1.0, scale):
        config = CircuitConfig(init=InitConfig(distribution=distribution))
        circuit = CircuitLayer(
            x.shape[1], 8, config=config, ei_ratio=ratio, T=1, name="a", **window
        ).double()
        initialize_circuit(circuit, factor * x, seed=0)
        outputs.append(circuit(factor * x))
    torch.testing.assert_close(*outputs)
    with torch.no_grad():
        circuit.W_EE.mul_(scale)
        circuit.W_IE.mul_(scale)
    torch.testing.assert_close(circuit(x), outputs[0])
