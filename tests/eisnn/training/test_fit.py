"""fit() on real digits: what it reports, that an interruption costs nothing, and how a run that
goes nowhere ends."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch

from eisnn.checkpoints.checkpoint import load_checkpoint
from eisnn.data.batches import batches
from eisnn.data.loading import load
from eisnn.errors import Diverged, SilentInput
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from eisnn.training.fit import fit
from eisnn.training.run import with_data
from tests.eisnn.training.runs import comparable, tiny


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


def test_an_exploding_loss_is_an_outcome():
    with pytest.raises(Diverged, match=r"loss is (nan|inf)"):
        fit(tiny("none", learning_rate=1e20))


def test_a_network_that_answers_all_images_alike_is_an_outcome():
    """Each layer fires, and yet nothing of the image reaches the read-out."""
    with pytest.raises(Diverged, match=r"the same answer|saturated|silent"):
        fit(tiny(learning_rate=10.0, epochs=6))


def test_a_silent_network_is_an_outcome_that_names_the_layer():
    config = tiny()
    quiet = config.neuron.model_copy(update={"threshold": 1e6})
    with pytest.raises(SilentInput, match=r"layer 'hidden\.1'.*never fires"):
        fit(config.model_copy(update={"neuron": quiet}))


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
