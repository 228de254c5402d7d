"""``until: decided``: how often a study may look at its verdicts, and what that costs.

A study that tests after every step, and stops once it likes the result, finds differences by
chance. So the rule is group-sequential: the looks are planned (after ``seeds`` or ``repeats``,
twice, three times as many, and after ``most``) and share alpha equally. A comparison is decided at
the first look at which its interval, at alpha / (comparisons * looks), excludes zero or lies within
the margin. By Bonferroni's inequality the chance of one false verdict in the whole study stays
below alpha, however the looks depend on each other and whenever the arms stop.
benchmarks/statistics.py measures the actual rate of false verdicts.
"""

from __future__ import annotations


def looks(first: int, most: int) -> list[int]:
    """Returns the numbers of seeds, or repeats, after which the study looks at its verdicts.

    >>> looks(5, 18)
    [5, 10, 15, 18]
    """
    if first < 1:
        return []
    return [*range(first, most, first), max(most, first)]
