"""Words and sentences that follow from intervals."""

import math

import pytest
from synthetic import arm, replicate, write_study

from reports.analysis import answer
from reports.analysis.claims import claims, judge
from reports.analysis.collect import read_study
from reports.analysis.compare import main_table, options_for
from reports.analysis.options import Claim
from reports.analysis.verdicts import Verdict, verdict
from reports.tables import claims as claims_table


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


def study_of(folder, **plan):
    """ei_init kills the network, ste does nothing visible, bn is 2 points worse; seven seeds."""
    rows = []
    for k in range(7):
        up = 0.001 * (-1) ** k
        rows += [
            replicate("full", k, 0.95 + 0.002 * k),
            replicate("no_init", k, None),
            replicate("no_ste", k, 0.95 + 0.002 * k + up),
            replicate("bn", k, 0.93 + 0.002 * k + up),
        ]
    arms = [
        arm("full", "reference"),
        arm("no_init", factors=["ei_init"]),
        arm("no_ste", factors=["ste"]),
        arm("bn", "baseline"),
    ]
    plan = {"classes": 10, "test_images": 1000, "seeds": 7, "baseline": None, **plan}
    return read_study(write_study(folder, rows, arms, **plan))


def sentences(study):
    options = options_for(study)
    return {line.arm: line for line in answer.lines(main_table(study, options), options)}


def test_one_sentence_per_arm(tmp_path):
    found = sentences(study_of(tmp_path / "s", margin=0.01))
    assert list(found) == ["no_init", "no_ste", "bn"]
    init = found["no_init"]
    assert init.verdict is Verdict.NEEDED
    assert (init.trained, init.runs, init.n, init.subject) == (0, 7, 7, "ei_init")
    assert init.sentence.startswith("ei_init: needed; without it 0 of 7 train, −85.60 points [−")
    ste = found["no_ste"].sentence
    assert ste.startswith("ste: no effect within ±1.00 points; without it +0.01 points [−")
    assert found["bn"].sentence.startswith("bn: worse than full; −1.99 points [−")


def test_what_would_decide(tmp_path):
    line = sentences(study_of(tmp_path / "s"))["no_ste"]
    assert line.verdict is Verdict.UNDECIDED
    assert line.more is not None or "no number of seeds" in line.sentence
    assert "would decide" in line.sentence


def test_what_the_verdicts_are_about(tmp_path):
    study = study_of(tmp_path / "s")
    assert "these configurations: each arm was searched once" in answer.scope(
        study, options_for(study)
    )
    again = study_of(tmp_path / "t", repeats=5)
    assert "searched 5 times" in answer.scope(again, options_for(again))


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
    wanted = [
        {"say": "it needs E-I Init", "arm": "no_init", "against": "full", "is": "worse"},
        {
            "say": "STE is free",
            "arm": "no_ste",
            "against": "full",
            "is": "not_worse",
            "margin": 0.01,
        },
        {"say": "BN is better", "arm": "bn", "against": "full", "is": "better"},
        {"say": "of an arm that is gone", "arm": "gone", "against": "full", "is": "better"},
    ]
    study = study_of(tmp_path / "s", claims=wanted)
    options = options_for(study)
    assert options.comparisons == 3  # the claims' pairs are in the table already
    assert [item.judgement for item in claims(study, options)] == ["holds", "holds", "fails"]
    table = claims_table.table(study, options)
    assert [row[0].text for row in table.rows] == [
        "it needs E-I Init",
        "STE is free",
        "BN is better",
    ]
    assert "not worse than full (margin 1.00)" in table.rows[1][1].text
    assert (
        claims_table.table(study_of(tmp_path / "t"), options_for(study_of(tmp_path / "t"))) is None
    )


def test_holm_finds_at_least_as_much(tmp_path):
    one = study_of(tmp_path / "s", correction="holm")
    lines = sentences(one)
    assert lines["no_init"].verdict is Verdict.NEEDED
    options = options_for(one)
    record = main_table(one, options)[1].differences["full"]
    assert not record.adjusted


def test_sign_flips_over_the_family(tmp_path):
    lines = sentences(study_of(tmp_path / "s", test="sign_flip"))
    assert lines["no_init"].verdict is Verdict.NEEDED
    assert lines["bn"].verdict is Verdict.WORSE
    assert lines["no_ste"].verdict is Verdict.UNDECIDED


def test_looking_again_costs(tmp_path):
    study = study_of(tmp_path / "s", until="decided", most=28)
    assert options_for(study).looks == 4
    assert options_for(study).level == pytest.approx(0.05 / 3 / 4)
