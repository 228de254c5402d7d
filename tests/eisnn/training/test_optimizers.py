"""Projected SGD against the authors' trajectories and torch's; Dale's law after every step; the
learning-rate schedule."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from eisnn.config.sections.train import TrainConfig
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from eisnn.training.optimizers import (
    ProjectedSGD,
    build_optimizer,
    learning_rate,
    non_negative_parameters,
)
from tests.eisnn import golden
from tests.eisnn.training.runs import tiny


def trajectory(start, grads, *, clamped, first_step, **options):
    p = torch.nn.Parameter(start.clone())
    optimizer = ProjectedSGD([p], [p] if clamped else [], first_step=first_step, **options)
    path = [start]
    for grad in grads:
        p.grad = grad.clone()
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("case", ["sgd_clamped", "sgd_free_nesterov"])
def test_every_step_is_the_authors(case):
    a, meta = golden.arrays(case)
    options = {
        "lr": meta["lr"],
        "momentum": meta["momentum"],
        "weight_decay": meta["weight_decay"],
        "nesterov": meta.get("nesterov", False),
    }
    ours = trajectory(
        a["trajectory"][0], a["grads"], clamped=meta["clamped"], first_step="authors", **options
    )
    assert golden.deviation(ours, a["trajectory"]) < 1e-9


def test_the_default_first_step_is_torchs_and_the_authors_is_one_plus_momentum_times_it():
    grads, start = torch.randn(4, 5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    reference = torch.nn.Parameter(start.clone())
    sgd, path = torch.optim.SGD([reference], **options), [start]
    for grad in grads:
        reference.grad = grad.clone()
        sgd.step()
        path.append(reference.detach().clone())
    torch.testing.assert_close(
        trajectory(start, grads, clamped=False, first_step="torch", **options), torch.stack(path)
    )
    first = trajectory(start, grads, clamped=False, first_step="authors", **options)[1] - start
    torch.testing.assert_close(first, 1.9 * (path[1] - start))


NET = {"model": {"arch": "VGG", "layers": 4, "width": 0.125, "T": 2, "input_shape": [1, 8, 8]}}


@pytest.mark.parametrize("output_layer", ["excitatory", "full"])
def test_dales_law_holds_after_every_step_and_leaves_the_bias_free(output_layer):
    model = build_model({**NET, "circuit": {"output_layer": output_layer}})
    rng = torch.Generator().manual_seed(0)
    x, y = torch.rand(16, 1, 8, 8, generator=rng), torch.randint(0, 10, (16,), generator=rng)
    initialize(model, x)
    optimizer = build_optimizer(model, TrainConfig(learning_rate=0.5))
    touched = dict.fromkeys(("W_EE", "W_IE", "W_EI", "g_I", "g_E", "b_E"), 0)
    for _ in range(8):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for layer in model.circuits():
            for name, p in layer.named_parameters():
                touched[name] += int((p <= 0).sum())
                assert name == "b_E" or p.min() >= 0, name
    assert min(touched[name] for name in ("W_EE", "W_IE", "b_E")) > 0, (
        "a step this large takes weights to the boundary"
    )
    assert any((layer.b_E < 0).any() for layer in model.circuits() if not layer.output_layer)


@settings(max_examples=40, deadline=None)
@given(
    start=st.lists(st.floats(0, 10), min_size=4, max_size=4),
    grad=st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
    lr=st.floats(1e-4, 10), nesterov=st.booleans(),
    first_step=st.sampled_from(["torch", "authors"]),
)  # fmt: skip
def test_a_projected_step_is_the_free_step_cut_at_zero(start, grad, lr, nesterov, first_step):
    start, grads = (
        torch.tensor(start, dtype=torch.float64),
        torch.tensor([grad], dtype=torch.float64),
    )
    options = {
        "lr": lr,
        "momentum": 0.9,
        "nesterov": nesterov,
        "weight_decay": 5e-4,
        "first_step": first_step,
    }
    cut, free = (
        trajectory(start, grads, clamped=clamped, **options)[1] for clamped in (True, False)
    )
    assert torch.equal(cut, free.clamp_min(0))
    assert (cut >= 0).all()


@pytest.mark.parametrize("dale", ["abs", "softplus", "exp", "none"])
def test_only_projection_projects(dale):
    assert non_negative_parameters(build_model({**NET, "circuit": {"dale": dale}})) == []
    assert len(non_negative_parameters(build_model(NET))) == 3 * 5 + 3


def test_a_parameters_role_decides_and_not_its_name():
    """A bias that is called a weight elsewhere, or an inhibitory weight called a bias, would be
    caught by the name only."""
    model = build_model(NET)
    kept = {id(p) for p in non_negative_parameters(model)}
    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            assert (id(p) in kept) == (isinstance(module, CircuitLayer) and name != "b_E")


def test_fixed_gains_are_not_trained():
    model = build_model({**NET, "circuit": {"learn_g_I": False, "learn_b_E": False}})
    x = torch.rand(8, 1, 8, 8)
    initialize(model, x)
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimizer = build_optimizer(model, TrainConfig(learning_rate=0.1))
    model(x).square().sum().backward()
    optimizer.step()
    same = {
        name.rsplit(".", 1)[-1]
        for name, p in model.named_parameters()
        if torch.equal(p, before[name])
    }
    assert same == {"g_I", "b_E"}


# --- schedule


def test_the_rate_rises_linearly_then_falls_as_a_cosine_per_step():
    train = TrainConfig(epochs=10, learning_rate=0.1, warmup_epochs=2, warmup_start=0.02)
    rates = [learning_rate(train, step, steps_per_epoch=5) for step in range(50)]
    assert rates[:3] == pytest.approx([0.02, 0.028, 0.036])
    assert rates[9:11] == pytest.approx([0.092, 0.1])
    assert rates[30] == pytest.approx(0.05), "half way down"
    assert rates[49] == pytest.approx(0.1 * (1 + math.cos(math.pi * 39 / 40)) / 2)
    assert learning_rate(train, 50, 5) == pytest.approx(0)


def test_warm_up_by_fraction_none_at_all_and_a_constant_rate():
    options = {"epochs": 10, "learning_rate": 0.1}
    by_fraction, by_epochs = (
        TrainConfig(**options, warmup_fraction=0.2),
        TrainConfig(**options, warmup_epochs=2.0),
    )
    assert all(
        learning_rate(by_fraction, s, 7) == learning_rate(by_epochs, s, 7) for s in range(70)
    )
    assert learning_rate(TrainConfig(**options), 0, 7) == 0.1
    constant = TrainConfig(**options, schedule="constant", warmup_epochs=1.0, warmup_start=0.0)
    assert [learning_rate(constant, s, 4) for s in (0, 2, 4, 39)] == pytest.approx(
        [0, 0.05, 0.1, 0.1]
    )
    assert learning_rate(TrainConfig(**options, warmup_fraction=1.0), 69, 7) < 0.1, "warm-up alone"


# --- Adam, AdamW, and others


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_is_torchs_cut_at_zero(name):
    """Torch's own unfused implementation, clamped by hand after each step."""
    train = TrainConfig(optimizer=name, learning_rate=0.05, beta2=0.99, weight_decay=0.1)
    model = build_model(NET).double()
    x = torch.rand(16, 1, 8, 8, dtype=torch.float64)
    initialize(model, x)
    constrained = {id(p) for p in non_negative_parameters(model)}
    twins = [p.detach().clone().requires_grad_() for p in model.parameters()]
    theirs = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    reference = theirs(twins, lr=0.05, betas=(0.9, 0.99), weight_decay=0.1, foreach=False)
    ours = build_optimizer(model, train)
    for _ in range(5):
        ours.zero_grad()
        model(x).square().sum().backward()
        for p, twin in zip(model.parameters(), twins, strict=True):
            twin.grad = None if p.grad is None else p.grad.clone()
        ours.step()
        reference.step()
        with torch.no_grad():
            for p, twin in zip(model.parameters(), twins, strict=True):
                if id(p) in constrained:
                    twin.clamp_min_(0.0)
                torch.testing.assert_close(p, twin)


def test_an_optimiser_of_the_users_gets_its_options_and_is_projected():
    train = TrainConfig(
        optimizer="torch.optim:RMSprop", optimizer_options={"alpha": 0.5}, learning_rate=0.5
    )
    model = build_model(NET)
    x = torch.rand(8, 1, 8, 8)
    initialize(model, x)
    optimizer = build_optimizer(model, train)
    assert type(optimizer) is torch.optim.RMSprop
    assert optimizer.param_groups[0]["alpha"] == 0.5
    model(x).square().sum().backward()
    optimizer.step()
    assert min(p.min().item() for p in non_negative_parameters(model)) == 0


def test_what_is_no_optimiser_is_refused():
    train = TrainConfig(optimizer="collections:OrderedDict")
    with pytest.raises(ValueError, match=r"train\.optimizer: collections:OrderedDict: "):
        build_optimizer(build_model(NET), train)


def test_learning_rate_warms_up_linearly_then_follows_a_cosine():
    train = tiny(epochs=10, learning_rate=1.0, warmup_epochs=2.0, warmup_start=0.0).train
    rates = [learning_rate(train, step, steps_per_epoch=10) for step in range(101)]
    assert rates[0] == 0
    assert rates[10] == pytest.approx(0.5)
    assert rates[20] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)
    assert rates[40] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    constant = tiny(epochs=10, learning_rate=1.0, schedule="constant").train
    assert {learning_rate(constant, step, 10) for step in range(100)} == {1.0}
