"""How networks without circuits start.

Against hand-made numbers, quadrature, and simulated cells.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.trial import make_config
from eisnn.layers.neurons import lif
from eisnn.networks import build_model, initialize, starts
from eisnn.networks.network import Residual

NORMAL = NormalDist()
CELLS = NeuronConfig(tau=2.0, threshold=0.5, reset="hard", input_decay=True)


def layer(cells=CELLS, rate=0.1, mean_square=0.1, first=False):
    return starts.Layer(cells, rate, mean_square, first)


# --- spikeinit


@pytest.mark.parametrize("kappa", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_the_steady_state_keeps_its_own_moments(kappa, rate):
    """The two equations of the paper, by quadrature over the potential before the reset."""
    theta = 0.5
    state = starts.steady_state(theta, kappa, rate)
    y = NormalDist(state.mean, state.deviation)
    low = state.mean - 12 * state.deviation
    first = quad(lambda v: kappa * v * y.pdf(v), low, theta, epsabs=1e-13)[0]
    second = quad(lambda v: (kappa * v) ** 2 * y.pdf(v), low, theta, epsabs=1e-13)[0]
    assert 1 - y.cdf(theta) == pytest.approx(rate, abs=1e-12)
    assert first == pytest.approx(state.mean, abs=1e-9)
    assert second + state.current_variance == pytest.approx(
        state.mean**2 + state.deviation**2, abs=1e-9
    )


def test_a_rate_that_no_current_reaches_is_refused():
    with pytest.raises(ValueError, match=r"cannot be started at a rate of 0\.2"):
        starts.steady_state(0.5, 0.9, 0.2)


def test_without_leak_memory_the_current_alone_decides():
    """By hand: kappa = 0 leaves no memory, so y is the current and Q(theta / s) = p."""
    state = starts.steady_state(0.5, 0.0, 0.1)
    assert state.mean == pytest.approx(0, abs=1e-15)
    assert state.deviation == pytest.approx(0.5 / 1.2815515655446004)
    assert state.current_variance == pytest.approx(state.deviation**2)


def test_cells_under_the_solved_current_fire_at_the_rate():
    """A simulation: many cells with hard reset under white normal current, after a burn-in."""
    state = starts.steady_state(CELLS.threshold, 0.5, 0.1)
    torch.manual_seed(0)
    current = torch.randn(200, 4000, dtype=torch.float64) * math.sqrt(state.current_variance)
    spikes = lif(current, tau=2.0, threshold=CELLS.threshold, reset="hard")
    # The potential before the reset is not quite normal: the paper's own approximation.
    assert spikes[50:].mean().item() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("deviation", [0.2, 0.5, 2.0])
def test_the_rate_of_a_first_layer_is_that_of_simulated_cells(kappa, deviation):
    current = torch.from_numpy(
        NORMAL_QUANTILES * deviation
    )  # the same at every step, as of a static image
    spikes = lif(current, tau=1 / (1 - kappa), threshold=0.5, reset="hard", shared_over=2000)
    expected = starts.first_layer_rate(deviation, 0.5, kappa)
    assert spikes.mean().item() == pytest.approx(expected, abs=1e-3)


NORMAL_QUANTILES = np.array([NORMAL.inv_cdf((i + 0.5) / 20_000) for i in range(20_000)])


def test_the_first_layers_deviation_gives_the_rate():
    deviation = starts.first_layer_deviation(0.5, 0.5, 0.1)
    assert starts.first_layer_rate(deviation, 0.5, 0.5) == pytest.approx(0.1, abs=1e-9)
    with pytest.raises(ValueError, match=r"init_rate: must be below 0.5"):
        starts.first_layer_deviation(0.5, 0.5, 0.5)


@pytest.mark.parametrize("alpha", [0.05, 1.0, 7.0, 300.0])
def test_the_mean_square_of_the_surrogate_is_its_integral(alpha):
    state = starts.steady_state(0.5, 0.5, 0.1)
    y = NormalDist(state.mean, state.deviation)

    def density(v):
        return (alpha * math.exp(-2 * alpha * abs(v - 0.5))) ** 2 * y.pdf(v)

    low, high = state.mean - 12 * state.deviation, 0.5 + 12 * state.deviation
    expected = quad(density, low, 0.5, limit=500)[0] + quad(density, 0.5, high, limit=500)[0]
    assert starts.mean_square_surrogate(alpha, state, 0.5) == pytest.approx(expected, rel=1e-6)


def test_the_surrogates_width_keeps_the_size_of_gradients():
    alpha = starts.surrogate_width(CELLS, 0.1)
    gain = starts.STARTS["spikeinit"].gain(layer())
    state = starts.steady_state(0.5, 0.5, 0.1)
    wanted = (1 - 0.9 * 0.25) / (0.5 * gain) ** 2
    assert starts.mean_square_surrogate(alpha, state, 0.5) == pytest.approx(wanted, rel=1e-9)


# --- the others, by hand


def test_gains_by_hand():
    cells = NeuronConfig(tau=2.0, threshold=0.5)
    gain = {name: start.gain for name, start in starts.STARTS.items() if start.gain is not None}
    # 0.5 sqrt(1 - 1/4) / (sqrt(0.1) 2)
    assert gain["fluctuation"](layer(cells)) == pytest.approx(0.6846531968814576)
    assert gain["ding"](layer(cells)) == pytest.approx(0.7071067811865476)
    assert gain["ding"](layer(CELLS)) == pytest.approx(1.4142135623730951)  # lambda = 1/2
    assert gain["micheli"](layer(cells)) == pytest.approx(0.30853753872598690**-0.5)
    assert gain["kaiming"](layer(cells)) == pytest.approx(2**0.5)


# --- in a network


def network(init, images=None, **model):
    neuron = {"threshold": 0.5, "reset": "hard", "input_decay": True, "surrogate": "exponential"}
    tree = {
        "model": {"arch": "MLP", "layers": 4, "norm": "none", "T": 100, "init": init, **model},
        "neuron": neuron,
    }
    net = build_model(make_config(tree))
    if images is None:
        images = torch.rand(32, *net.config.model.input_shape, generator=torch.manual_seed(0))
    initialize(net, images, seed=1)
    return net


def test_a_network_started_by_spikeinit_fires_at_the_rate():
    net = network("spikeinit", input_shape=[1, 28, 28])
    rates = []
    for block in net.blocks():
        block.register_forward_hook(lambda module, args, out: rates.append(out.mean().item()))
    net.eval()(torch.rand(32, 1, 28, 28, generator=torch.manual_seed(0)))
    # Positive inputs add a mean of their own to each cell's current, which the paper leaves out.
    assert all(0.05 < rate < 0.2 for rate in rates), rates


def test_weights_have_the_deviation_of_the_gain_and_measure_images():
    images = torch.rand(64, 1, 28, 28, generator=torch.manual_seed(0))
    net = network("spikeinit", images, input_shape=[1, 28, 28])
    first, second, *_ = (block.drive.map.weight for block in net.blocks())
    gain = starts.STARTS["spikeinit"].gain
    q = images.double().square().mean().item()
    expected = gain(layer(mean_square=q, first=True)) / 28
    assert first.std().item() == pytest.approx(expected, rel=0.01)
    expected = gain(layer(mean_square=0.1)) / math.sqrt(second.shape[1])
    assert second.std().item() == pytest.approx(expected, rel=0.01)
    assert next(net.blocks()).neuron.config.alpha == pytest.approx(
        starts.surrogate_width(CELLS, 0.1)
    )


def test_spikeinit_closes_residual_branches():
    net = network("spikeinit", arch="ResNet", layers=18, width=0.1, input_shape=[1, 8, 8], T=2)
    units = [module for module in net.modules() if isinstance(module, Residual)]
    assert len(units) == 8
    assert all(not unit.branch[-1].drive.map.weight.any() for unit in units)
    assert all(unit.branch[0].drive.map.weight.any() for unit in units)


@pytest.mark.parametrize("norm", ["ei", "bn", "tdbn", "gn", "none"])
def test_zero_init_residual_closes_branches_and_they_still_learn(norm):
    model = {"arch": "ResNet", "layers": 18, "norm": norm, "width": 0.1, "T": 2}
    model |= {"zero_init_residual": True, "input_shape": [1, 8, 8]}
    net = build_model(make_config({"model": model, "circuit": {"ei_ratio": 2}}))
    x = torch.rand(8, 1, 8, 8, generator=torch.manual_seed(0))
    initialize(net, x)
    spikes = []
    for unit in net.modules():
        if isinstance(unit, Residual):
            unit.branch[-1].register_forward_hook(lambda module, args, out: spikes.append(out))
    net(x).sum().backward()
    assert len(spikes) == 8
    assert not any(out.any() for out in spikes)
    last = next(m for m in net.modules() if isinstance(m, Residual)).branch[-1].drive
    grads = [p.grad for p in last.parameters() if p.grad is not None]
    assert any(grad.any() for grad in grads)


@pytest.mark.parametrize(
    ("model", "name", "ratio"),
    [
        ({"arch": "VGG", "layers": 8}, "body.layers.2.drive.map.weight", 6.0),
        ({"arch": "ResNet", "layers": 18}, "body.layers.0.drive.map.weight", 64 / 3),
    ],
)
def test_the_authors_start_has_their_variance(model, name, ratio):
    """VGG: torch's 1 / (3 d) against 2 / d. ResNet's first layer: 2 / (9 x 64) against 2 / 27."""
    variances = []
    for init in ("kaiming", "authors"):
        tree = {**model, "norm": "bn", "T": 1, "init": init, "input_shape": [3, 8, 8]}
        net = build_model(make_config({"model": tree}))
        initialize(net, torch.rand(2, 3, 8, 8, generator=torch.manual_seed(0)))
        variances.append(net.get_parameter(name).var().item())
    assert variances[0] / variances[1] == pytest.approx(ratio, rel=0.15)


def test_dropout_silences_the_same_cells_at_every_step():
    net = network("kaiming", images=None, input_shape=[1, 28, 28], T=5, dropout=0.5)
    dropout = net.body.layers[2]
    x = torch.ones(5 * 4, 500)
    out = dropout.train()(x).view(5, 4, 500)
    assert torch.equal(out, out[:1].expand_as(out))
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(x), x)
