"""Claims are judged from intervals."""

import math

import pytest

from reports.analysis.claims import claims, judge
from reports.analysis.options import Claim, options_for
from tests.reports.seven_seeds import CLAIMS, study_of


def claim(is_, margin=0.0):
    return Claim("so", "no_init", "full", is_, margin)


@pytest.mark.parametrize(
    ("low", "high", "is_", "margin", "word"),
    [
        (-0.05, -0.01, "worse", 0.0, "holds"),
        (-0.05, -0.01, "worse", 0.02, "undecided"),
        (0.01, 0.05, "worse", 0.0, "fails"),
        (-0.05, -0.01, "not_worse", 0.0, "fails"),
        (-0.005, 0.02, "not_worse", 0.01, "holds"),
        (-0.05, 0.02, "not_worse", 0.01, "undecided"),
        (0.01, 0.05, "better", 0.0, "holds"),
        (0.01, 0.05, "not_better", 0.0, "fails"),
        (-0.005, 0.005, "equivalent", 0.01, "holds"),
        (0.02, 0.05, "equivalent", 0.01, "fails"),
        (math.nan, math.nan, "worse", 0.0, "undecided"),
    ],
)
def test_claims(low, high, is_, margin, word):
    assert judge(low, high, claim(is_, margin), higher=True) == word
    assert judge(-high, -low, claim(is_, margin), higher=False) == word


def test_the_claims_of_a_study(tmp_path):
    study = study_of(tmp_path / "s", claims=CLAIMS)
    options = options_for(study)
    assert options.comparisons == 3  # the claims' pairs are in the table already
    assert [item.judgement for item in claims(study, options)] == ["holds", "holds", "fails"]
