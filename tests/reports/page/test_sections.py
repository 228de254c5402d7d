"""Which tables and figures a study has data for, in reading order."""

from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.page.sections import all_sections
from tests.reports.searches import searched_study
from tests.reports.synthetic import factorial_study


def test_what_a_searched_study_shows(tmp_path):
    study = searched_study(tmp_path)
    section = next(
        section for section in all_sections(study, options_for(study)) if section.key == "search"
    )
    assert [item.name for item in (*section.items, *section.more)] == [
        "search_curves",
        "parallel",
        "slices",
        "search",
        "importance",
        "importance",
        "interaction",
        "tuned",
        "overtuning",
    ]


def test_what_a_factorial_study_shows(tmp_path):
    study = read_study(factorial_study(tmp_path / "f", noise=0.005))
    section = next(s for s in all_sections(study, options_for(study)) if s.key == "ablation")
    assert [item.name for item in section.items] == ["ablation", "interactions", "ablation_path"]
    assert [item.name for item in section.more] == ["ablation", "interactions"]


def test_what_is_shown(study):
    section = next(
        section for section in all_sections(study, options_for(study)) if section.key == "inside"
    )
    assert [item.name for item in section.items] == [
        "diagnostics_depth",
        "diagnostics_epochs",
        "distributions",
        "distributions_animation",
    ]
