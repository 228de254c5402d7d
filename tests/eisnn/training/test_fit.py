"""fit() on real digits: what it reports, that an interruption costs nothing, and how a run that
goes nowhere ends."""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from eisnn.checkpoints.checkpoint import load_checkpoint
from eisnn.config.trial import TrialConfig, make_config
from eisnn.data.batches import batches
from eisnn.data.loading import load
from eisnn.errors import CheckpointError, Diverged, SilentInput
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from eisnn.training.evaluation import Evaluation, above_chance, chance_check, check_alive, evaluate
from eisnn.training.fit import best_epoch, fit, with_data
from eisnn.training.optimizers import learning_rate


def tiny(norm: str = "ei", **train: object) -> TrialConfig:
    """A 4-layer MLP of 50-50-30 cells on 300 digits."""
    options = {"epochs": 3, "batch_size": 30, "learning_rate": 0.02, **train}
    model = {"arch": "MLP", "layers": 4, "width": 0.1, "norm": norm}
    return make_config(
        {"model": model, "data": {"name": "digits", "train_size": 300}, "train": options, "seed": 3}
    )


def comparable(metrics: dict[str, float]) -> dict[str, float]:
    """Without what may differ between two equal runs: time and memory."""
    return {
        key: value
        for key, value in metrics.items()
        if "second" not in key and key != "peak_memory_mb"
    }


class Killed(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("norm", ["ei", "bn"])
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_run_killed_after_any_epoch_goes_on_to_the_same_bits(
    tmp_path, norm, killed_after, optimizer
):
    def tiny_net(norm):
        return tiny(norm, optimizer=optimizer)

    whole: list[dict[str, float]] = []
    undisturbed = fit(
        tiny_net(norm), report=whole.append, test=True, checkpoint_to=tmp_path / "whole.pt"
    )

    def die(metrics):
        if metrics["epoch"] == killed_after:
            raise Killed

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        fit(tiny_net(norm), report=die, test=True, checkpoint_to=checkpoint)
    seen: list[dict[str, float]] = []
    resumed = fit(
        tiny_net(norm),
        report=seen.append,
        test=True,
        resume_from=checkpoint,
        checkpoint_to=checkpoint,
    )

    assert [metrics["epoch"] for metrics in seen] == [1, 2, 3]
    assert [comparable(m) for m in seen] == [comparable(m) for m in whole]
    assert comparable(resumed) == comparable(undisturbed)
    ours, theirs = (
        load_checkpoint(checkpoint)["model"],
        load_checkpoint(tmp_path / "whole.pt")["model"],
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_checkpoints_are_written_by_time_and_at_every_end(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 4))  # four seconds an epoch
    monkeypatch.setattr("eisnn.training.run.time.monotonic", lambda: next(clock))
    saved: list[int] = []
    monkeypatch.setattr("eisnn.training.run.Run.save", lambda run, path: saved.append(run.epoch))
    fit(tiny(epochs=8), checkpoint_to=tmp_path / "checkpoint.pt")
    assert saved[0] == 1
    assert saved[-1] == 8
    assert len(saved) < 8
    assert max(later - earlier for earlier, later in pairwise(saved)) <= 3


def test_metrics_of_the_users_are_measured_on_validation_and_test_data(tmp_path, monkeypatch):
    (tmp_path / "metrics_of_session.py").write_text(
        "def error(model, logits, labels):\n"
        "    assert not model.training\n"
        "    return (logits.argmax(1) != labels).double().mean()\n"
        "def nothing(model, logits, labels):\n    return None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[dict[str, float]] = []
    asked = {"top5": "top5_accuracy", "error": "metrics_of_session:error"}
    final = fit(tiny(), report=seen.append, test=True, metrics=asked)
    assert all(row["val/error"] == pytest.approx(1 - row["val/accuracy"]) for row in seen)
    assert final["test/error"] == pytest.approx(1 - final["test/accuracy"])
    assert final["test/error_best"] == pytest.approx(1 - final["test/accuracy_best"])
    assert final["test/accuracy"] <= final["test/top5"] <= 1
    plain = fit(tiny(), test=True)
    assert {name: final[name] for name in comparable(plain)} == comparable(plain)
    with pytest.raises(
        ValueError, match=r"metrics\.n: metrics_of_session:nothing: must return a number"
    ):
        fit(tiny(), metrics={"n": "metrics_of_session:nothing"})
    with pytest.raises(
        ValueError, match=r"metrics\.n: must be top5_accuracy, .* or your own module:attribute"
    ):
        fit(tiny(), metrics={"n": "top5"})


def test_rates_of_foreign_cells_that_say_so_are_measured(tmp_path, monkeypatch):
    """A cell that fires at every second step, by hand."""
    (tmp_path / "my_cells.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Cell(nn.Module):\n"
        "    spiking = True\n"
        "    def forward(self, x, t):\n"
        "        return torch.full_like(x, t % 2), x\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.map, self.cell = nn.Linear(64, 10), Cell()\n"
        "    def forward(self, x):\n"
        "        y = self.map(x.flatten(1))\n"
        "        return y + sum(self.cell(y, t)[0] for t in range(4))\n"
        "def build(config, shape, classes):\n    return Net()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = make_config(
        {
            "model": {"factory": "my_cells:build"},
            "data": {"name": "digits", "train_size": 300},
            "train": {"epochs": 1},
        }
    )
    assert fit(config)["firing_rate"] == 0.5


def test_a_finished_run_is_reported_again_without_training(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    first = fit(tiny(), checkpoint_to=checkpoint, test=True)
    before = checkpoint.read_bytes()
    seen: list[dict[str, float]] = []
    again = fit(
        tiny(), report=seen.append, resume_from=checkpoint, checkpoint_to=checkpoint, test=True
    )
    assert checkpoint.read_bytes() == before
    assert again["test/accuracy"] == first["test/accuracy"]
    assert len(seen) == 3


def test_the_seed_decides_and_the_test_set_is_measured_only_when_asked():
    one, same = fit(tiny()), fit(tiny())
    other = fit(tiny().model_copy(update={"seed": 4}))
    assert comparable(one) == comparable(same)
    assert other["train/loss"] != one["train/loss"]
    assert not any(key.startswith("test/") for key in one)


def test_it_learns_and_reports_fractions_and_cost():
    final = fit(tiny(epochs=8), test=True)
    assert final["test/accuracy"] > 0.5
    assert 0 < final["firing_rate"] < 1
    assert final["val/accuracy_best"] >= final["val/accuracy"]
    assert final["parameters"] == sum(parameter_counts([64, 50, 50, 30], 10))
    assert final["energy_nj"] == pytest.approx((4.6 * final["macs"] + 0.9 * final["acs"]) / 1000)


def parameter_counts(sizes: list[int], classes: int) -> list[int]:
    """By hand: W_EE, W_IE, W_EI, g_I, g_E, b_E of each hidden layer; three matrices of the
    read-out. r = 4."""
    counts = []
    for inputs, cells in pairwise(sizes):
        inhibitory = cells // 4
        counts.append(inputs * (cells + inhibitory) + cells * inhibitory + inhibitory + 2 * cells)
    counts.append(sizes[-1] * (classes + classes // 4) + classes * (classes // 4))
    return counts


def test_a_checkpoint_of_another_config_is_refused(tmp_path):
    fit(tiny(epochs=1), checkpoint_to=tmp_path / "checkpoint.pt")
    with pytest.raises(
        CheckpointError, match=r"is of another config .*: train\.epochs \(1, not 2\); the schedule"
    ):
        fit(tiny(epochs=2), resume_from=tmp_path / "checkpoint.pt")


def test_an_exploding_loss_is_an_outcome():
    with pytest.raises(Diverged, match=r"loss is (nan|inf)"):
        fit(tiny("none", learning_rate=1e20))


def test_a_network_that_answers_all_images_alike_is_an_outcome():
    """Each layer fires, and yet nothing of the image reaches the read-out."""
    with pytest.raises(Diverged, match=r"the same answer|saturated|silent"):
        fit(tiny(learning_rate=10.0, epochs=6))


def test_nan_weights_are_not_mistaken_for_silence():
    """A cell driven by NaN never fires, so that the loss stays finite."""
    config = tiny()
    data = load(config.data, T=config.model.T)
    model = build_model(with_data(config, data))
    initialize(model, next(batches(data.train, 30))[0])
    assert evaluate(model, data.validation).finite
    model.body.layers[1].drive.g_I.data[0] = torch.nan
    measured = evaluate(model, data.validation)
    assert math.isfinite(measured.loss)
    with pytest.raises(Diverged, match="weights are not finite after epoch 1"):
        check_alive(1, 2.3, measured)


def test_a_silent_network_is_an_outcome_that_names_the_layer():
    config = tiny()
    quiet = config.neuron.model_copy(update={"threshold": 1e6})
    with pytest.raises(SilentInput, match=r"layer 'hidden\.1'.*never fires"):
        fit(config.model_copy(update={"neuron": quiet}))


@pytest.mark.parametrize(
    ("rates", "constant", "epoch", "reason"),
    [
        ({"a": 0.2, "b": 0.0}, True, 2, "silent after epoch 2: layer b never fires"),
        ({"a": 0.99, "b": 0.1}, True, 2, "saturated after epoch 2: layer a"),
        ({"a": 0.2, "b": 0.3}, True, 2, "dead after epoch 2: all images get the same answer"),
        ({}, True, 2, "dead after epoch 2"),  # of a network without cells of ours
        ({"a": 0.2, "b": 0.3}, True, 1, None),
        ({"a": 0.2, "b": 0.0}, True, 1, None),  # it may still wake up
        ({"a": 0.2, "b": 0.0}, False, 5, None),  # a residual path goes around the silent layer
    ],
)
def test_what_counts_as_dead(rates, constant, epoch, reason):
    measured = Evaluation(loss=2.3, accuracy=0.1, rates=rates, constant=constant)
    if reason is None:
        check_alive(epoch, 2.3, measured)
    else:
        with pytest.raises(Diverged, match=reason):
            check_alive(epoch, 2.3, measured)


@pytest.mark.parametrize(
    ("images", "classes", "needed"),
    [
        (3, 10, 3),  # P(3 of 3) = 0.001, P(2 or 3) = 0.028
        (1, 10, 2),  # one image cannot show it: P = 0.1
        (4, 2, 5),  # nor four coins: P = 1/16
        (7, 2, 7),  # P(7 of 7) = 1/128, P(6 or 7) = 8/128
        (10, 10, 5),  # P(X >= 5) = 0.0016, P(X >= 4) = 0.0128: printed tables of Bin(10, 0.1)
    ],
)
def test_how_many_right_answers_are_more_than_guesses(images, classes, needed):
    assert above_chance(images, classes) == needed


@pytest.mark.parametrize(
    ("warmup", "epoch", "accuracy", "ends"),
    [
        ({}, 1, 0.4, False),
        ({}, 2, 0.4, True),
        ({}, 2, 0.5, False),
        ({}, 9, 0.0, True),
        ({"warmup_epochs": 3.0}, 3, 0.4, False),
        ({"warmup_epochs": 3.0}, 4, 0.4, True),
        ({"warmup_fraction": 0.25}, 3, 0.4, False),  # 2.5 of 10 epochs
        ({"warmup_fraction": 0.25}, 4, 0.4, True),
    ],
)
def test_a_run_at_chance_level_ends_if_asked(warmup, epoch, accuracy, ends):
    asked = tiny(epochs=10, stop_at_chance=True, **warmup).train
    chance_check(tiny(epochs=10, **warmup).train, images=10, classes=10)(epoch, accuracy)
    check = chance_check(asked, images=10, classes=10)
    if not ends:
        check(epoch, accuracy)
        return
    reason = (
        f"at chance level: {round(10 * accuracy)} of 10 validation images right after epoch"
        f" {epoch}, chance is 1/10"
    )
    with pytest.raises(Diverged, match=reason):
        check(epoch, accuracy)


def test_a_run_that_learns_nothing_ends_after_two_epochs_if_asked():
    still = {"learning_rate": 1e-12, "epochs": 3}
    assert fit(tiny("bn", **still))["val/accuracy"] < 0.2
    seen: list[dict[str, float]] = []
    with pytest.raises(
        Diverged,
        match=r"at chance level: \d of 30 validation images right after epoch 2, chance is 1/10",
    ):
        fit(tiny("bn", **still, stop_at_chance=True), report=seen.append)
    assert [metrics["epoch"] for metrics in seen] == [1]
    learning = tiny(stop_at_chance=True)
    assert comparable(fit(learning)) == comparable(fit(tiny()))


def test_the_best_epoch_is_the_first_of_equals():
    assert best_epoch([{"val/accuracy": a} for a in (0.1, 0.5, 0.5, 0.4)]) == 2


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


@pytest.mark.parametrize(
    ("batch_size", "epochs"), [(4, [0, 1, 2, 3]), (30, [0, 3])]
)  # 68 and 9 steps an epoch
def test_diagnostics_are_recorded_every_64_steps_and_change_nothing(tmp_path, batch_size, epochs):
    config = tiny(batch_size=batch_size, learning_rate=0.002)
    watched = fit(config, diagnose="distributions", diagnose_to=tmp_path)
    assert comparable(watched) == comparable(fit(config))
    rows = pd.read_csv(tmp_path / "diagnostics.csv")
    assert sorted(rows.epoch.unique()) == epochs
    assert {"hidden.0", "hidden.2", "output"} <= set(rows.layer)
    assert np.load(tmp_path / "distributions.npz")["epochs"].tolist() == epochs


@pytest.mark.parametrize("norm", ["ei", "bn"])
@pytest.mark.parametrize("kernels", ["on", "off"])
def test_bf16_maps_in_bf16_and_keeps_currents_weights_and_logits_in_float32(norm, kernels):
    config = tiny(norm, precision="bf16", epochs=6)
    model = build_model(with_data(config, load(config.data, T=config.model.T)))
    for block in model.blocks():
        block.plain_because = "switched off" if kernels == "off" else block.plain_because
    x = next(batches(load(config.data, T=config.model.T).train, 30))[0]
    initialize(model, x)
    logits = model(x)
    assert logits.dtype == torch.float32
    exact = copy.deepcopy(model)
    exact.config = with_data(tiny(norm), load(config.data, T=config.model.T))
    assert not torch.equal(logits, exact(x))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert fit(config)["val/accuracy"] > 0.3


def test_compile_is_still_read_and_said_to_have_no_effect():
    said = []
    compiled = fit(tiny(compile=True, epochs=1), say=said.append)
    assert compiled["train/loss"] == fit(tiny(epochs=1))["train/loss"]
    assert any("train.compile: has no effect" in line for line in said)


def test_under_bf16_the_kernel_and_the_readable_path_agree_within_its_precision():
    config = tiny(precision="bf16")
    data = load(config.data, T=config.model.T)
    model = build_model(with_data(config, data))
    x = next(batches(data.train, 200))[0]
    initialize(model, x)
    block = model.body.layers[1]
    flat = x.flatten(1)
    with torch.no_grad():
        exact = block.drive(flat)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = block.drive(flat)
            fast = block(flat, True)
            block.plain_because = "switched off"
            readable = block(flat, True)
    assert rounded.dtype == fast.dtype == torch.float32
    assert (
        0 < (rounded - exact).abs().max() < 0.1 * exact.abs().max()
    )  # a difference of currents rounded to 2^-9 each, then divided
    assert (rounded - exact).abs().mean() < 2**-6 * exact.abs().mean()
    assert (
        fast != readable
    ).float().mean() < 0.01  # a spike may flip where a current sits at the threshold


def test_images_that_are_streamed_train_as_resident_ones_do():
    resident, streamed = (fit(tiny(), test=True, images_on_device=budget) for budget in (None, 0.0))
    assert comparable(streamed) == comparable(resident)
