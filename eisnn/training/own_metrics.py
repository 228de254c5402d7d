"""Metrics besides loss and accuracy: ours by a word, the user's as ``my_module:my_metric``.

Each is called with (model, logits [N, classes], labels [N]) of a whole split, in evaluation mode
and without gradients, and returns a number. `eisnn.training.conditions` has the changed test
conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from eisnn.config.conditions import EXAMPLES, condition_of
from eisnn.config.messages import suggestion
from eisnn.config.user_code import UserCodeError, blame, find, is_reference
from eisnn.errors import ConfigError

OwnMetric = Callable[[Any, Tensor, Tensor], float]


def top5_accuracy(model: Any, logits: Tensor, labels: Tensor) -> float:
    """Returns the fraction of images whose label is among the five largest logits."""
    largest = logits.topk(min(5, logits.shape[1]), dim=1).indices
    return (largest == labels[:, None]).any(1).double().mean().item()


BUILT_IN: dict[str, OwnMetric] = {"top5_accuracy": top5_accuracy}


def build_metrics(named: Mapping[str, str]) -> dict[str, OwnMetric]:
    """Returns name -> function from name -> word or reference; leaves out changed test conditions.

    Raises:
        ConfigError: there is no such word.
        UserCodeError: the user's function does not exist. The returned function raises it, too, if
            the user's does not return a number.
    """
    return {
        name: _function(name, word) for name, word in named.items() if condition_of(word) is None
    }


def check_metrics(named: Mapping[str, str], labels: Tensor) -> None:
    """Raises ConfigError where a metric of ours needs classes and the labels are none."""
    for name, word in named.items():
        if word in BUILT_IN and labels.is_floating_point():
            raise ConfigError(f"metrics.{name}: {word} needs labels that are classes")


def _function(name: str, word: str) -> OwnMetric:
    if word in BUILT_IN:
        return BUILT_IN[word]
    if not is_reference(word):
        raise ConfigError(
            f"metrics.{name}: must be {', '.join((*BUILT_IN, *EXAMPLES))}, or your own"
            " module:attribute, given"
            f" {word[:80]!r}{suggestion(word, BUILT_IN)}"
        )
    function = find(word, f"metrics.{name}")

    def measure(model: Any, logits: Tensor, labels: Tensor) -> float:
        with blame(f"metrics.{name}: {word}:"):
            value = function(model, logits, labels)
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            given = type(value).__name__
            raise UserCodeError(
                f"metrics.{name}: {word}: must return a number, given {given}"
            ) from None

    return measure
