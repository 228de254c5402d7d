"""Cells with thresholds of their own for each channel, against numbers worked out by hand."""

import math

import pytest
import torch

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.trial import make_config
from eisnn.kernels import choose
from eisnn.layers.channel_threshold import AdaptiveLIF, ChannelLIF, membrane_norm
from eisnn.networks.build import build_model
from eisnn.networks.starts import cells_of, steady_state
from eisnn.training.fit import fit


def mpbn(T: int, **options: object) -> ChannelLIF:
    cells = NeuronConfig(reset="hard", **options)
    return ChannelLIF(cells, T, membrane_norm(1, spatial=False)).double().train()


def test_mpbn_compares_the_normalised_potential_and_keeps_the_potential():
    """gamma = 2, beta = 1/2, theta = 1, tau = 2.

    Step 1: v = 1, 5, so mean 3, SD 2, f = -1.5, 2.5: the second spikes, and is reset to 0.
    Step 2: v = 0.5 + 3.5, 0 + 2, so mean 3, SD 1, f = 2.5, -1.5: the first spikes.
    """
    cells = mpbn(T=2)
    with torch.no_grad():
        cells.view.weight.fill_(2)
        cells.view.bias.fill_(0.5)
    spikes = cells(torch.tensor([[1.0], [5.0], [3.5], [2.0]], dtype=torch.float64))
    assert spikes.flatten().tolist() == [0, 1, 1, 0]


def test_mpbn_folds_into_a_threshold_at_inference():
    """theta' = mu + (theta - beta) sqrt(var + eps) / gamma, at each step."""
    T, B, C = 4, 50, 3
    cells = ChannelLIF(NeuronConfig(reset="hard"), T, membrane_norm(C, spatial=False)).double()
    with torch.no_grad():
        cells.view.weight.copy_(torch.tensor([1.0, 0.5, 2.0]))
        cells.view.bias.copy_(torch.tensor([0.0, 0.3, -0.2]))
    currents = torch.randn(T * B, C, dtype=torch.float64, generator=torch.manual_seed(0)) + 0.4
    for _ in range(20):
        cells.train()(currents)
    norm = cells.view
    folded = norm.running_mean + (1 - norm.bias) * (norm.running_var + norm.eps).sqrt() / (
        norm.weight
    )
    u = torch.zeros(B, C, dtype=torch.float64)
    expected = []
    for current in currents.chunk(T):
        v = 0.5 * u + current
        expected.append((v >= folded).double())
        u = v * (1 - expected[-1])
    assert len({round(x, 3) for x in folded.tolist()}) == 3
    assert torch.equal(cells.eval()(currents), torch.cat(expected))


def test_gradients_pass_through_the_normalisation():
    """The sigmoid's derivative is the surrogate: at T = 1 the gradients are those of the sigmoid of
    the normalised potential."""
    x = torch.randn(8, 1, dtype=torch.float64, generator=torch.manual_seed(1))
    pull = torch.arange(8.0, dtype=torch.float64)[:, None]
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    cells = mpbn(T=1)
    (cells(ours) * pull).sum().backward()
    f = (theirs - theirs.mean()) / (theirs.var(correction=0) + 1e-5).sqrt()
    (torch.sigmoid(4 * (f - 1)) * pull).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_adaptive_cells_spike_where_gamma_v_plus_beta_reaches_the_threshold():
    config = NeuronConfig(adaptive=True, surrogate="exponential", reset="hard", threshold=0.5)
    cells = AdaptiveLIF(config, 1, 2, deviation=0.8).double()
    v = torch.tensor([[0.4, 0.4], [0.6, 0.6]], dtype=torch.float64)
    assert cells(v).tolist() == [[0, 0], [1, 1]]
    with torch.no_grad():
        cells.view.weight.copy_(torch.tensor([2.0, 1.0]))
        cells.view.bias.copy_(torch.tensor([-0.8, 0.2]))  # thresholds 0.65 and 0.3
    assert cells(v).tolist() == [[0, 1], [0, 1]]


def test_adaptive_surrogates_are_as_wide_as_their_channels_potentials_spread():
    """alpha = 2, given at an SD of 0.4: alpha_0 = 0.8. Potentials 1 and 3 spread by 1, so alpha is
    0.8; equal ones by 0, which counts as 0.5 / 2.3263, so alpha is 0.8 x 2.3263 / 0.5 = 3.722."""
    config = NeuronConfig(
        adaptive=True, surrogate="exponential", alpha=2.0, reset="hard", threshold=0.5
    )
    cells = AdaptiveLIF(config, 1, 2, deviation=0.4).double()
    v = torch.tensor([[[[1.0, 3.0]], [[0.6, 0.6]]]], dtype=torch.float64, requires_grad=True)
    cells(v).sum().backward()
    expected = [
        [[0.8 * math.exp(-1.6 * 0.5), 0.8 * math.exp(-1.6 * 2.5)]],
        [[3.7221565 * math.exp(-7.444313 * 0.1)] * 2],
    ]
    torch.testing.assert_close(v.grad, torch.tensor([expected], dtype=torch.float64))


def test_the_spread_is_over_time_too():
    """One cell, no positions, no spikes: v = 0.1, then 0.05 + 0.35 = 0.4; SD 0.15, less than
    0.5 / 2.3263 = 0.2149; with currents 0.1 and -1.05 v = 0.1, -1, SD 0.55."""
    config = NeuronConfig(adaptive=True, surrogate="exponential", reset="hard", threshold=0.5)
    cells = AdaptiveLIF(config, 2, 1, deviation=1.0).double()
    narrow = cells.steepness([torch.full((1, 1), x).double() for x in (0.1, 0.35)])
    wide = cells.steepness([torch.full((1, 1), x).double() for x in (0.1, -1.05)])
    assert narrow.item() == pytest.approx(2.3263 / 0.5, rel=1e-4)
    assert wide.item() == pytest.approx(1 / 0.55)


SPIKEINIT = {
    "model": {"arch": "MLP", "layers": 4, "width": 0.2, "T": 4, "norm": "none"},
    "neuron": {
        "threshold": 0.5,
        "reset": "hard",
        "input_decay": True,
        "surrogate": "exponential",
        "adaptive": True,
    },
    "data": {"name": "digits", "train_size": 600},
    "train": {"epochs": 4, "batch_size": 32, "learning_rate": 0.1},
}


def test_adaptive_cells_start_from_spikeinits_surrogate():
    config = make_config(
        {
            **SPIKEINIT,
            "model": {**SPIKEINIT["model"], "init": "spikeinit", "input_shape": [1, 8, 8]},
        }
    )
    first = next(build_model(config).blocks())
    deviation = steady_state(0.5, 0.5, 0.1).deviation
    assert first.neuron.alpha_0 == pytest.approx(cells_of(config).alpha * deviation)
    assert first.plain_because == "neuron.surrogate: exponential has no kernel"


@pytest.mark.parametrize(
    "tree",
    [
        {**SPIKEINIT, "model": {**SPIKEINIT["model"], "init": "spikeinit"}},
        {
            "model": {**SPIKEINIT["model"], "norm": "mpbn"},
            "data": SPIKEINIT["data"],
            "train": SPIKEINIT["train"],
        },
    ],
    ids=["adaptive", "mpbn"],
)
def test_they_train(tree):
    assert fit(make_config(tree))["val/accuracy"] > 0.6  # of ten classes


def test_kernels_refuse_them_with_a_reason():
    config = make_config({"model": {"norm": "mpbn"}})
    assert choose.path(config, "cpu") == "plain: model.norm: mpbn has no kernel"
    assert build_model(config) is not None
    with pytest.raises(Exception, match="adaptive applies only with surrogate: exponential"):
        make_config({"neuron": {"adaptive": True}})
