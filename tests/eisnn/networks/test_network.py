"""Whole networks: against the authors' numbers, and the shapes, names and errors of every family
and size."""

import math

import pytest
import torch
import torch.nn.functional as F

from eisnn.checkpoints.authors import load_authors_state_dict
from eisnn.config.sections.train import TrainConfig
from eisnn.networks import Block, Network, build_model, initialize
from eisnn.training.optimizers import build_optimizer
from tests.eisnn import golden

CASES = [
    "model_ei_mlp4",
    "model_ei_vgg8",
    "model_ei_resnet18",
    "model_bn_vgg16",
    "model_bn_resnet18",
]


def network_of(case: dict) -> Network:
    spec = case["spec"]
    ei = spec["type"] == "EI-SNN"
    model = {
        "arch": spec["arch"], "layers": spec["num_layers"], "T": spec["T"],
        "classes": spec["classes"],
        "norm": "ei" if ei else "bn", "input_shape": case["input_shape"][-3:],
    }  # fmt: skip
    return build_model(
        {"model": model, "circuit": {"ei_ratio": spec["ei_ratio"]}} if ei else {"model": model}
    ).double()


def firing_rates(model: Network) -> dict[str, float]:
    """Filled by the next forward pass: the mean rate of each block, in order of construction."""
    rates: dict[str, float] = {}
    for name, block in model.named_modules():
        if isinstance(block, Block):
            block.register_forward_hook(
                lambda _block, _args, spikes, name=name: rates.__setitem__(
                    name, spikes.mean().item()
                )
            )
    return rates


SLOW = {
    ("model_bn_vgg16", "kernel"),
    ("model_ei_resnet18", "readable"),
    ("model_bn_resnet18", "readable"),
    ("model_bn_vgg16", "readable"),
}
BOTH_PATHS = [
    pytest.param(name, path, marks=[pytest.mark.slow] if (name, path) in SLOW else [])
    for name in CASES
    for path in ("kernel", "readable")
]


@pytest.mark.parametrize(("name", "path"), BOTH_PATHS)
def test_a_whole_network_meets_the_authors_numbers(name, path):
    """On the path of this machine (the C++ kernel, if there is a compiler), and on the readable
    one."""
    case = golden.record(name)
    model = network_of(case)
    for block in model.blocks():
        block.plain_because = block.plain_because or (
            "the test asks for it" if path == "readable" else None
        )
    report = load_authors_state_dict(model, golden.weights(case["keys"], case["seed"]))
    x, y = golden.inputs(case["seed"], case["input_shape"], case["spec"]["classes"])
    with torch.no_grad():
        assert golden.deviation(model.eval()(x), case["logits_eval"]) < 1e-7
    rates = firing_rates(model)
    logits = model.train()(x)
    assert golden.deviation(logits, case["logits_train"]) < 1e-7
    loss = F.cross_entropy(logits, y)
    assert loss.item() == pytest.approx(case["loss"], rel=1e-7)
    loss.backward()
    assert list(rates.values()) == pytest.approx(list(case["firing_rate"].values()), rel=1e-7)
    ours = dict(model.named_parameters())
    for theirs, norm in case["grad_norm"].items():
        if theirs in report.dropped:
            assert norm is None, "the authors never compute a gradient for these"
        else:
            assert ours[report.loaded[theirs]].grad.norm().item() == pytest.approx(
                norm, rel=1e-7
            ), theirs
    assert len(ours) == sum(norm is not None for norm in case["grad_norm"].values())


@pytest.mark.parametrize("name", [name for name in CASES if "train_losses" in golden.record(name)])
def test_training_follows_the_authors_losses_with_their_first_step(name):
    case = golden.record(name)
    x, y = golden.inputs(case["seed"], case["input_shape"], case["spec"]["classes"])
    losses = {}
    for first_step in ("authors", "torch") if name == "model_ei_mlp4" else ("authors",):
        model = network_of(case)
        load_authors_state_dict(model, golden.weights(case["keys"], case["seed"]))
        train = TrainConfig(
            learning_rate=0.002, momentum=0.9, weight_decay=5e-4, first_step=first_step
        )
        optimizer = build_optimizer(model, train)
        losses[first_step] = []
        for _ in case["train_losses"][: None if first_step == "authors" else 2]:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses[first_step].append(loss.item())
    assert losses["authors"] == pytest.approx(case["train_losses"], rel=1e-6)
    assert "torch" not in losses or losses["torch"][1] != pytest.approx(
        case["train_losses"][1], rel=1e-3
    )


@pytest.mark.parametrize("name", CASES)
def test_the_names_we_derive_for_other_networks_are_the_authors(name):
    case = golden.record(name)
    assert list(golden.authors_keys(network_of(case)).items()) == list(case["keys"].items())


OTHERS = [
    ("MLP", 2, "ei", {}), ("MLP", 6, "ei", {"ei_ratio": 8}), ("MLP", 8, "ei", {}),
    ("MLP", 12, "ei", {}),
    ("MLP", 16, "ei", {"ei_ratio": 1}), ("MLP", 8, "bn", {}), ("VGG", 8, "ei", {"ei_ratio": 2}),
    ("VGG", 11, "ei", {}),
    ("VGG", 19, "ei", {}), ("VGG", 8, "bn", {}), ("VGG", 19, "bn", {}), ("ResNet", 34, "ei", {}),
    ("ResNet", 50, "ei", {}),
    ("ResNet", 34, "bn", {}), ("ResNet", 50, "bn", {}), ("ResNet", 152, "ei", {}),
]  # fmt: skip


@pytest.mark.parametrize(("arch", "layers", "norm", "circuit"), OTHERS)
@pytest.mark.parametrize("events", [False, True], ids=["image", "events"])
def test_the_rule_of_the_golden_vectors_gives_every_size_a_live_network(
    arch, layers, norm, circuit, events
):
    """Narrow nets of each depth, with the reference's rule for weights.

    Loaded completely by name, spiking, trainable end to end.
    """
    if events and layers > 34:
        pytest.skip("one run of the deepest is enough")
    shape, T = ((2, 32, 32), 3) if events else ((3, 32, 32), 2)
    model = build_model({
        "model": {"arch": arch, "layers": layers, "norm": norm, "T": T, "width": 0.125,
        "input_shape": list(shape), "classes": 11},
        "circuit": circuit,
    }).double()  # fmt: skip
    weights = golden.weights(golden.authors_keys(model), seed=7)
    report = load_authors_state_dict(model, dict(sorted(weights.items())))
    assert report.fits
    assert len(report.loaded) + len(report.dropped) == len(weights)
    x, y = golden.inputs(7, (2, T, *shape) if events else (2, *shape), 11)
    rates = firing_rates(model)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert sum(0.001 < rate < 0.999 for rate in rates.values()) > 0.5 * len(rates), rates


def test_the_logits_are_the_mean_over_time_of_the_read_outs_current():
    model = build_model(
        {"model": {"arch": "MLP", "layers": 2, "width": 0.1, "T": 3, "input_shape": [1, 4, 4]}}
    ).double()
    x = torch.rand(5, 1, 4, 4, dtype=torch.float64)
    initialize(model, x)
    currents = []
    model.output.register_forward_hook(lambda _m, _a, out: currents.append(out))
    logits = model(x)
    torch.testing.assert_close(logits, currents[0].view(3, 5, 10).mean(0))


@pytest.mark.parametrize("norm", ["ei", "bn"])
@pytest.mark.parametrize("arch", [("MLP", 2), ("VGG", 4), ("ResNet", 18)], ids=str)
def test_no_state_is_left_between_calls_and_samples_do_not_touch_each_other(arch, norm):
    model = build_model(
        {
            "model": {
                "arch": arch[0],
                "layers": arch[1],
                "width": 0.125,
                "norm": norm,
                "T": 3,
                "input_shape": [1, 8, 8],
            }
        }
    )
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    initialize(model, x)
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x)[2:4], model(x[2:4]))


def test_events_run_their_own_time_axis_and_a_wrong_number_of_steps_is_refused():
    model = build_model(
        {"model": {"arch": "VGG", "layers": 4, "width": 0.125, "T": 3, "input_shape": [2, 8, 8]}}
    ).double()
    x = torch.rand(4, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    initialize(model, x)
    repeated = x[:, :1].expand(-1, 3, -1, -1, -1)
    torch.testing.assert_close(
        model(repeated), model(x[:, 0]), msg="an image at every step is the static image"
    )
    assert not torch.allclose(model(x), model(x.flip(1))), "the order of the steps matters"
    with pytest.raises(ValueError, match=r"model.T = 3, but the events have 5 time steps"):
        model(torch.rand(4, 5, 2, 8, 8, dtype=torch.float64))


def test_a_network_without_weights_says_what_to_do():
    model = build_model({"arch": "MLP", "layers": 2, "input_shape": [1, 4, 4]})
    with pytest.raises(
        RuntimeError, match=r"call eisnn.initialize\(model, batch\), or load a state dict"
    ):
        model(torch.rand(2, 1, 4, 4))
    other = build_model({"arch": "MLP", "layers": 2, "input_shape": [1, 4, 4]})
    initialize(other, torch.rand(8, 1, 4, 4))
    model.load_state_dict(other.state_dict())
    with pytest.raises(RuntimeError, match="initialised already"):
        initialize(model, torch.rand(8, 1, 4, 4))


COMBINATIONS = [
    {"dale": "abs"}, {"dale": "softplus"}, {"dale": "exp"}, {"dale": "none"},
    {"inhibitory_cells": "spiking", "tau_I": 1.5},
    {"subtractive": False}, {"divisive": False}, {"subtractive": False, "divisive": False},
    {"output_layer": "full"},
    {"prop": {"stabiliser": "epsilon", "epsilon": 0.01}},
    {"prop": {"stabiliser": "clamp", "epsilon": 0.01}}, {"prop": {"straight_through": False}},
    {"prop": {"detach": True}},
    {"prop": {"grad_scale_exponent": 0.5}},
    {"init": {"scheme": "dann"}, "prop": {"corrections": "dann"}},
    {"init": {"distribution": "gamma", "gamma_shape": 4.0, "gain": 1.2, "kappa": 0.95}},
    {"init": {"scheme": "kaiming"}},
    {"dale": "none", "inhibitory_cells": "spiking", "output_layer": "full", "learn_g_E": False},
]  # fmt: skip


@pytest.mark.parametrize("circuit", COMBINATIONS, ids=str)
def test_every_option_of_the_circuit_makes_a_network_that_runs_and_differentiates(circuit):
    model = build_model({
        "model": {"arch": "VGG", "layers": 4, "width": 0.25, "T": 3, "input_shape": [1, 8, 8]},
        "circuit": circuit,
    })  # fmt: skip
    rng = torch.Generator().manual_seed(0)
    x, y = torch.rand(32, 1, 8, 8, generator=rng), torch.randint(0, 10, (32,), generator=rng)
    initialize(model, x)
    optimizer = build_optimizer(model, TrainConfig(learning_rate=1e-3))
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert all(math.isfinite(loss) for loss in losses)
    if circuit.get("init", {}).get("scheme") != "kaiming":
        assert min(losses[1:]) < losses[0], losses
