"""Changed test conditions, which a metric names by a word: noise_0.3, brightness_0.5, steps_8.

This module does not import torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CONDITION = r"steps_[1-9]\d{0,2}|(brightness|noise)_\d{1,3}(\.\d{1,4})?"
EXAMPLES = ("brightness_0.5", "noise_0.3", "steps_8")
LABELS = {
    "brightness": "accuracy at {} times the brightness",
    "noise": "accuracy with noise of {}",
    "steps": "accuracy after {} time steps",
}


@dataclass(frozen=True)
class Condition:
    """What is changed at the test (brightness, noise or steps), and to how much."""

    kind: str
    amount: float

    @property
    def label(self) -> str:
        return LABELS[self.kind].format(f"{self.amount:g}")


def condition_of(word: str) -> Condition | None:
    """Returns the condition that ``word`` names; None if it names another metric.

    >>> condition_of("noise_0.3")
    Condition(kind='noise', amount=0.3)
    """
    if re.fullmatch(CONDITION, word) is None:
        return None
    kind, _, amount = word.partition("_")
    return Condition(kind, float(amount))
