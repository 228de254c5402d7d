"""The baselines' normalisations: against numbers worked out by hand and against spikingjelly, for
those it has.
"""

import math

import pytest
import torch
from torch import nn

from eisnn.config.sections.model import ModelConfig
from eisnn.layers.normalize import NormalizedLayer, make_norm
from eisnn.layers.standardize import SPIKE_GAIN, standardized
from eisnn.networks.build import build_model
from eisnn.networks.initialization import initialize
from eisnn.networks.network import Block, Residual

NORMS = ["bn", "tdbn", "tebn", "bntt", "mpbn", "gn", "rmsnorm", "sws", "issnn", "none"]
T, B, C = 3, 4, 6


def currents(*positions, seed=0):
    """[T B, C, ...], of another mean and spread at each step, so that steps can be told apart."""
    x = torch.randn(
        T, B, C, *positions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    step = torch.arange(1.0, T + 1, dtype=torch.float64).view(T, *[1] * (x.dim() - 1))
    return (x * step + step).flatten(0, 1)


def norm(name, *, positions=(5, 5), threshold=1.0, **options):
    config = ModelConfig(norm=name, T=T, **options)
    return make_norm(config, C, threshold, spatial=len(positions) == 2).double().train()


def statistics(x, dims):
    return x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)


# --- by hand


@pytest.mark.parametrize("positions", [(), (5, 5)], ids=["linear", "conv"])
def test_bn_and_tdbn_use_one_mean_and_variance_over_time_batch_and_positions(positions):
    x = currents(*positions)
    mu, var = statistics(x, [0, *range(2, x.dim())])
    expected = (x - mu) / (var + 1e-5).sqrt()
    torch.testing.assert_close(norm("bn", positions=positions)(x), expected)
    torch.testing.assert_close(norm("tdbn", positions=positions)(x), expected)
    torch.testing.assert_close(norm("tdbn", positions=positions, threshold=0.5)(x), 0.5 * expected)


def test_tebn_multiplies_each_time_step_by_its_own_weight():
    x, layer = currents(5, 5), norm("tebn")
    with torch.no_grad():
        layer.step_weight.copy_(torch.tensor([1.0, 2.0, -3.0]))
    y, plain = layer(x).unflatten(0, (T, B)), norm("bn")(x).unflatten(0, (T, B))
    for t, weight in enumerate((1.0, 2.0, -3.0)):
        torch.testing.assert_close(y[t], weight * plain[t])


@pytest.mark.parametrize("positions", [(), (5, 5)], ids=["linear", "conv"])
def test_bntt_normalises_each_time_step_by_itself(positions):
    x = currents(*positions)
    y = norm("bntt", positions=positions)(x).unflatten(0, (T, B))
    for t, step in enumerate(x.unflatten(0, (T, B))):
        mu, var = statistics(step, [0, *range(2, step.dim())])
        torch.testing.assert_close(y[t], (step - mu) / (var + 1e-5).sqrt())
    layer = norm("bntt", positions=positions)
    assert [tuple(p.shape) for p in layer.parameters()] == [(T * C,)], (
        "one gamma per step and channel, no beta"
    )


def test_gn_takes_each_sample_by_itself_over_a_groups_channels_and_positions():
    x = currents(5, 5)
    mu, var = statistics(x, [1, 2, 3])
    torch.testing.assert_close(norm("gn")(x), (x - mu) / (var + 1e-5).sqrt())
    mu, var = statistics(x[:, :3], [1, 2, 3])
    torch.testing.assert_close(
        norm("gn", groups=2)(x)[:, :3], (x[:, :3] - mu) / (var + 1e-5).sqrt()
    )
    with pytest.raises(
        ValueError, match=r"model.groups: a layer of 6 cells cannot be divided into 4 groups"
    ):
        norm("gn", groups=4)


def test_rmsnorm_divides_by_the_root_mean_square_over_channels():
    x = torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    layer = make_norm(ModelConfig(norm="rmsnorm"), 4, 1.0, spatial=False).double()
    torch.testing.assert_close(layer(x), x / math.sqrt(25 / 4 + 1e-5))
    y = norm("rmsnorm")(currents(5, 5))
    torch.testing.assert_close(y.square().mean(1), torch.ones_like(y[:, 0]), rtol=1e-3, atol=0)


def test_sws_rows_have_mean_zero_and_the_norm_of_their_gain():
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64) * 7 + 2
    gain = torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0], dtype=torch.float64)
    rows = standardized(weight, gain, SPIKE_GAIN).flatten(1)
    torch.testing.assert_close(
        rows.mean(1), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-12
    )
    # the variance is unbiased, hence the factor (N - 1) / N; eps = 1e-4 is lost beside N Var
    torch.testing.assert_close(
        rows.square().sum(1), (SPIKE_GAIN * gain) ** 2 * 26 / 27, rtol=1e-6, atol=0
    )
    assert pytest.approx(2.8467, abs=1e-4) == SPIKE_GAIN
    by_hand = standardized(
        torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64),
        torch.ones(1, dtype=torch.float64),
        1.0,
    )
    spread = math.sqrt(4 * 5 / 3 + 1e-4)
    torch.testing.assert_close(
        by_hand, torch.tensor([[-1.5, -0.5, 0.5, 1.5]], dtype=torch.float64) / spread
    )


def test_sws_gains_are_one_on_images_and_that_of_spikes_after_and_branches_start_at_zero():
    model = build_model(
        {
            "model": {
                "arch": "ResNet",
                "layers": 18,
                "norm": "sws",
                "width": 0.1,
                "input_shape": [1, 8, 8],
            }
        }
    )
    maps = [block.drive.map for block in model.blocks()]
    assert [m.factor for m in maps] == [1.0] + [SPIKE_GAIN] * (len(maps) - 1)
    residuals = [module for module in model.modules() if isinstance(module, Residual)]
    assert all(block.scale is not None and block.scale.gain == 0 for block in residuals)
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    initialize(model, x)
    torch.nn.functional.cross_entropy(model(x), torch.arange(16) % 10).backward()
    assert any(block.scale.gain.grad != 0 for block in residuals), "the branches can open"


def test_none_is_a_plain_map_with_a_bias():
    layer = NormalizedLayer(
        3, 5, config=ModelConfig(norm="none"), threshold=1.0, kernel=3, padding=1
    )
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(
        layer(x), torch.conv2d(x, layer.map.weight, layer.map.bias, padding=1)
    )


# --- properties that all must have


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("arch", ["MLP", "VGG", "ResNet"])
def test_every_baseline_fits_every_family_and_trains(name, arch):
    sizes = {"MLP": 2, "VGG": 4, "ResNet": 18}
    model = build_model({
        "model": {"arch": arch, "layers": sizes[arch], "norm": name, "T": 2, "width": 0.125,
        "input_shape": [1, 8, 8]},
    })  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    x, y = (
        torch.rand(16, 1, 8, 8, generator=generator),
        torch.randint(0, 10, (16,), generator=generator),
    )
    initialize(model, x)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < losses[0] - 0.05, losses


@pytest.mark.parametrize("name", NORMS)
def test_a_static_image_and_the_same_image_as_events_give_the_same_logits(name):
    """The first layer of a static image computes its current once.

    Time-dependent normalisations must not fall for it.
    """
    model = build_model(
        {
            "model": {
                "arch": "VGG",
                "layers": 4,
                "norm": name,
                "T": 3,
                "width": 0.125,
                "input_shape": [1, 8, 8],
            }
        }
    ).double()
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    initialize(model, x)
    with torch.no_grad():
        for module in model.modules():  # else steps are the same at first
            if hasattr(module, "step_weight"):
                module.step_weight.copy_(torch.tensor([1.0, 0.5, 1.5]))
            if isinstance(module, Block) and name == "bntt":
                module.drive.norm.norm.weight.copy_(
                    torch.linspace(0.5, 1.5, module.drive.norm.norm.weight.numel())
                )
    torch.testing.assert_close(model(x), model(x[:, None].expand(-1, 3, -1, -1, -1)))


# --- against spikingjelly


def test_tdbn_tebn_and_bntt_are_spikingjellys():
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    x = currents(5, 5)
    sequence = x.unflatten(0, (T, B))
    theirs = {
        "tdbn": (layer.ThresholdDependentBatchNorm2d(1.0, 0.5, C), {"threshold": 0.5}),
        "tebn": (layer.TemporalEffectiveBatchNorm2d(T, C), {}),
        "bntt": (layer.BatchNormThroughTime2d(T, C, step_mode="m"), {}),
    }
    for name, (module, options) in theirs.items():
        ours, module = norm(name, **options), module.double().train()
        for evaluate in (
            False,
            True,
        ):  # the second time with the running statistics that the first left behind
            ours.train(not evaluate)
            module.train(not evaluate)
            torch.testing.assert_close(
                ours(x),
                module(sequence).flatten(0, 1),
                msg=lambda text, name=name: f"{name}: {text}",
            )
            if hasattr(module, "reset"):
                module.reset()


@pytest.mark.parametrize("kernel", [None, 3])
def test_sws_is_spikingjellys(kernel):
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    ours = NormalizedLayer(
        4,
        7,
        config=ModelConfig(norm="sws"),
        threshold=1.0,
        first=True,
        kernel=kernel,
        padding=1 if kernel else 0,
    ).double()
    theirs = (layer.WSConv2d(4, 7, 3, padding=1) if kernel else layer.WSLinear(4, 7)).double()
    with torch.no_grad():
        theirs.weight.copy_(ours.map.weight)
        theirs.bias.copy_(ours.map.bias)
    x = (
        torch.rand(2, 4, 5, 5, dtype=torch.float64)
        if kernel
        else torch.rand(2, 4, dtype=torch.float64)
    )
    torch.testing.assert_close(ours(x), theirs(x))
