"""Losses against sums by hand, and in training."""

from __future__ import annotations

import math

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.training.fit import fit
from eisnn.training.losses import CROSS_ENTROPY, build_loss, correct_answers

DIGITS = {"name": "digits", "train_size": 300}
ANSWERS = torch.tensor([[[2.0, 0.0]], [[0.0, 0.0]]])  # two steps, one image, two classes
LABEL = torch.tensor([0])


def config(**train: object):
    model = {"arch": "MLP", "layers": 4, "width": 0.1, "T": 2}
    return make_config(
        {"model": model, "data": DIGITS, "train": {"epochs": 2, "batch_size": 30, **train}}
    )


def test_the_default_is_plain_cross_entropy():
    assert build_loss(config()) is CROSS_ENTROPY


def test_tet_is_the_mean_over_steps_and_pulls_to_the_threshold():
    first, second = math.log(1 + math.exp(-2)), math.log(2)
    squares = (1 + 1 + 1 + 1) / 4  # (2 - 1)^2 and three times (0 - 1)^2
    loss = build_loss(config(loss="tet", tet_lambda=0.25))
    expected = 0.75 * (first + second) / 2 + 0.25 * squares
    assert loss.of_training(ANSWERS, LABEL).item() == pytest.approx(expected)
    logits = ANSWERS.mean(0)
    assert loss.of_evaluation(logits, LABEL).item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_smoothing_is_of_training_alone():
    loss = build_loss(config(label_smoothing=0.2))
    logits = torch.tensor([[2.0, 0.0]])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert loss.of_training(logits, LABEL).item() == pytest.approx(0.9 * right + 0.1 * wrong)
    assert loss.summed(logits, LABEL).item() == pytest.approx(right)


def test_mse_takes_classes_and_numbers():
    loss = build_loss(config(loss="mse"))
    logits = torch.tensor([[2.0, 0.0]])
    assert loss.of_training(logits, LABEL).item() == pytest.approx(((2 - 1) ** 2 + 0) / 2)
    numbers = torch.tensor([[1.5, 0.5]])
    assert loss.of_training(logits, numbers).item() == pytest.approx((0.25 + 0.25) / 2)
    assert loss.of_training(torch.tensor([[2.0]]), torch.tensor([1.0])).item() == 1.0
    assert correct_answers(logits, numbers).item() == 0


@pytest.mark.parametrize(
    "train", [{"loss": "tet"}, {"loss": "mse"}, {"label_smoothing": 0.1}], ids=str
)
def test_networks_learn_with_each(train):
    final = fit(config(learning_rate=0.05, **{"epochs": 4, **train}))
    assert final["val/accuracy"] > 0.2


def test_a_loss_of_the_users_gets_its_options(own_module):
    own_module(
        "my_losses",
        "def scaled(logits, labels, factor=1.0):\n"
        "    return factor * (logits.logsumexp(1) - logits[range(len(labels)), labels]).mean()\n"
        "def odd(logits, labels):\n    return 3\n",
    )
    own = config(loss="my_losses:scaled", loss_options={"factor": 2.0})
    logits = torch.tensor([[2.0, 0.0]])
    expected = 2 * math.log(1 + math.exp(-2))
    assert build_loss(own).of_training(logits, LABEL).item() == pytest.approx(expected)
    assert list(own.code) == ["my_losses"]
    with pytest.raises(ValueError, match=r"train\.loss: my_losses:odd: must return a tensor"):
        build_loss(config(loss="my_losses:odd")).of_training(logits, LABEL)
