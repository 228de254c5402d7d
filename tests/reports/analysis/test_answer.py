"""One sentence for each arm."""

from reports.analysis import answer
from reports.analysis.options import options_for
from reports.analysis.verdicts import Verdict
from tests.reports.seven_seeds import sentences, study_of


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
