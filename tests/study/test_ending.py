"""How a run ended, counted by its plan."""

from __future__ import annotations

from typing import Any

import pytest

from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.page import sections

Tree = dict[str, Any]


def test_searches_that_a_budget_leaves_unequal_are_named(
    without_ray: Any, study_tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    study_tree["search"]["trials"], study_tree["budget"] = 5, {"trials": 10}
    code, folder = without_ray(study_tree).run()
    assert code == 3  # a study that its budget ended is not done
    expected = "the searches are not equally long (full 2, no_straight_through 1, bn 1 trials)"
    assert expected in capsys.readouterr().out
    study = read_study(folder)
    outcome = next(
        section
        for section in sections.all_sections(study, options_for(study))
        if section.key == "outcome"
    )
    note = "the budget of 10 trials is used up except for the replicates"
    assert outcome.text.endswith(f"tiny ended before its plan was done: {note}; {expected}.")
    study_tree["budget"] = {}
    without_ray(study_tree).run()
    assert sections.ended_early(read_study(folder)) == ""
