"""Words and sentences that follow from intervals."""

import math

import pytest

from reports.analysis.verdicts import Verdict, verdict


@pytest.mark.parametrize(
    ("low", "high", "margin", "words"),
    [
        (-0.05, -0.01, None, ("needed", "worse")),
        (0.01, 0.05, None, ("harmful", "better")),
        (-0.01, 0.05, None, ("undecided", "undecided")),
        (-0.01, 0.005, 0.02, ("no effect", "equivalent")),
        (-0.009, -0.001, 0.02, ("no effect", "equivalent")),  # a difference that does not matter
        (-0.03, 0.005, 0.02, ("undecided", "undecided")),
        (-0.05, -0.01, 0.02, ("needed", "worse")),
        (math.nan, math.nan, 0.02, ("undecided", "undecided")),
    ],
)
def test_a_verdict_says_where_the_interval_lies(low, high, margin, words):
    of_ablation = verdict(low, high, better="higher", margin=margin, ablation=True)
    assert (of_ablation, verdict(low, high, better="higher", margin=margin)) == words


def test_directions():
    assert verdict(-0.05, -0.01, better="lower") == "better"
    assert verdict(-0.05, -0.01, better=None) == "lower"
    assert Verdict.NEEDED.turned == "better"
    assert Verdict.BETTER.turned == "worse"
    assert Verdict.UNDECIDED.turned == "undecided"
    assert [word for word in Verdict if not word.is_decided] == ["undecided", "no result yet"]
