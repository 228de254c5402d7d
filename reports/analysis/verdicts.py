"""The verdict of a comparison: one word, and one sentence made from its numbers.

A verdict agrees with the interval beside it: "needed", "harmful", "better" and "worse" mean that
the interval excludes zero, "no effect" and "equivalent" that it lies within the margin that the
study file calls negligible (two one-sided tests), and "undecided" that it does neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the report claims of an arm or, for an ablation, of the part that was taken away."""

    NEEDED = "needed"
    HARMFUL = "harmful"
    NO_EFFECT = "no effect"
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    HIGHER = "higher"  # for a metric of which neither direction is an improvement
    LOWER = "lower"
    UNDECIDED = "undecided"
    NO_RESULT = "no result yet"

    @property
    def is_decided(self) -> bool:
        return self not in (Verdict.UNDECIDED, Verdict.NO_RESULT)

    @property
    def is_difference(self) -> bool:
        """Whether the verdict says that there is a difference, and in which direction."""
        return self.is_decided and self not in (Verdict.NO_EFFECT, Verdict.EQUIVALENT)

    @property
    def tone(self) -> str:
        """The colour of the compared arm: better, worse or quiet."""
        return _TONES.get(self, "quiet")

    @property
    def turned(self) -> Verdict:
        """The verdict of the same comparison seen from the other arm, in a baseline's words."""
        return _TURNED.get(self, self)


_TONES = {
    Verdict.NEEDED: "worse",
    Verdict.WORSE: "worse",
    Verdict.HARMFUL: "better",
    Verdict.BETTER: "better",
}
_TURNED = {
    Verdict.NEEDED: Verdict.BETTER,
    Verdict.WORSE: Verdict.BETTER,
    Verdict.HARMFUL: Verdict.WORSE,
    Verdict.BETTER: Verdict.WORSE,
    Verdict.NO_EFFECT: Verdict.EQUIVALENT,
    Verdict.HIGHER: Verdict.LOWER,
    Verdict.LOWER: Verdict.HIGHER,
}
_OF_ABLATIONS = {
    Verdict.WORSE: Verdict.NEEDED,
    Verdict.BETTER: Verdict.HARMFUL,
    Verdict.EQUIVALENT: Verdict.NO_EFFECT,
}


def verdict(
    low: float,
    high: float,
    *,
    better: str | None,
    margin: float | None = None,
    ablation: bool = False,
) -> Verdict:
    """Returns the verdict of a difference (arm minus other), given its simultaneous interval.

    ``better`` is the direction of an improvement ("higher" or "lower"), or None. Differences up to
    ``margin`` do not matter, so an interval within it means "equivalent" even if it excludes zero.
    NaN bounds decide nothing.
    """
    if math.isnan(low) or math.isnan(high):
        return Verdict.UNDECIDED
    if margin is not None and -margin < low and high < margin:
        word = Verdict.EQUIVALENT
    elif low > 0 or high < 0:
        direction = "higher" if low > 0 else "lower"
        if better is None:
            return Verdict(direction)
        word = Verdict.BETTER if direction == better else Verdict.WORSE
    else:
        return Verdict.UNDECIDED
    return _OF_ABLATIONS[word] if ablation else word


@dataclass(frozen=True)
class Line:
    """One arm's line in the answer: the claim, its subject, and the numbers behind it.

    ``subject`` is the part that an ablation takes away, or else the arm. ``mean``, ``low`` and
    ``high`` are of arm minus ``against``, in the metric's unit; ``n`` counts units (``unit`` is
    "seed" or "repeat"). ``more`` is the number of further units that would decide at the observed
    spread; None if none would.
    """

    arm: str
    role: str
    subject: str
    against: str
    verdict: Verdict
    n: int
    unit: str
    mean: float
    low: float
    high: float
    more: int | None
    trained: int
    runs: int
    sentence: str


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def further(more: int | None, unit: str) -> str:
    """Returns how many further seeds or repeats would decide, in words."""
    if more is None:
        return f"no number of {unit}s up to 1,000 would decide at this mean and spread"
    return f"about {plural(more, f'more {unit}')} would decide at this spread"
