"""--verify: which trials are trained again, and what the answer is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from reports.__main__ import main
from reports.analysis.collect import StudyError
from reports.verify import verify
from tests.reports.synthetic import arm, replicate, small_study, write_study


def test_completed_trials_are_drawn_and_each_answer_counts(tmp_path, capsys):
    folder = small_study(tmp_path / "small")
    asked: list[str] = []

    def again(place: Path, identity: str) -> int:
        asked.append(identity)
        return 3 if len(asked) == 2 else 0

    assert verify(folder, 3, seed=1, again=again) == 3
    assert len(set(asked)) == 3
    said = capsys.readouterr().out
    assert "2 of 3 trials, trained again, gave every number as before." in said
    assert f"{asked[1]}: differs" in said


def test_a_process_that_was_killed_is_no_equal_trial(tmp_path):
    codes = iter([0, -9, 0])
    assert verify(small_study(tmp_path / "small"), 3, 1, lambda *_: next(codes)) == -9


def test_no_more_than_there_are(tmp_path):
    folder = small_study(tmp_path / "small")  # nine of its twelve completed
    asked: list[str] = []

    def equal(place: str, identity: str) -> int:
        asked.append(identity)
        return 0

    assert verify(folder, 100, 0, equal) == 0
    assert len(asked) == 9


def test_nothing_to_verify(tmp_path):
    folder = write_study(tmp_path / "s", [replicate("full", 1, None)], [arm("full", "reference")])
    with pytest.raises(StudyError, match="nothing to verify"):
        verify(folder, 3, None)
    done = CliRunner().invoke(main, [str(folder), "--verify"])
    assert done.exit_code == 2
    assert "nothing to verify" in done.stderr
