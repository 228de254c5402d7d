"""``until: decided``: how often a study may look at its verdicts, and what that costs.

A study that looks again after every step, and stops once it likes what it sees, finds something by
chance. The rule is group-sequential: the looks are planned (after ``seeds`` or ``repeats``, twice,
three times as many, and at ``most``), and alpha is shared equally among them. A comparison is
decided at the first look at which its interval, at alpha / (comparisons * looks), leaves out zero
or lies within the margin. By Bonferroni's inequality the chance of one false verdict in the whole
study stays below alpha, however the looks depend on each other and whichever arms stop.
benchmarks/statistics.py measures what is left of alpha.
"""

from __future__ import annotations


def looks(first: int, most: int) -> list[int]:
    """After how many seeds, or repeats, the study looks.

    >>> looks(5, 18)
    [5, 10, 15, 18]
    """
    if first < 1:
        return []
    return [*range(first, most, first), max(most, first)]
