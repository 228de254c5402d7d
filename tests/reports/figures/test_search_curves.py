"""Every search trial as a learning curve."""

from reports.analysis.collect import read_study
from reports.figures import style
from reports.figures.search_curves import picture
from tests.reports.synthetic import arm, search, write_study


def study_of(folder, **plan):
    """Trial 1 is the best, trial 2 was pruned after four epochs."""
    rows = [search("full", 0, 0.70), search("full", 1, 0.90)]
    rows.append(search("full", 2, 0.50, "pruned") | {"epochs": 4})
    return read_study(write_study(folder, rows, [arm("full", "reference"), arm("bn")], **plan))


def test_the_chosen_trial_is_blue_and_a_pruned_one_ends_with_a_cross(tmp_path):
    found = picture(study_of(tmp_path / "s"))
    (axes,) = found.figure.axes
    assert axes.get_title(loc="left") == "full"
    chosen = [line for line in axes.lines if line.get_color() == style.REFERENCE]
    assert [round(line.get_ydata()[-1], 6) for line in chosen] == [90]
    crosses = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "x"]
    assert crosses == [[4]]
    assert "Dashed" not in found.caption


def test_the_default_values_are_dashed(tmp_path):
    found = picture(study_of(tmp_path / "s", search={"points": [{"rate": 0.1}]}))
    dashed = [line for line in found.figure.axes[0].lines if line.get_color() == style.INK]
    assert [round(line.get_ydata()[-1], 6) for line in dashed] == [70]
    assert "Dashed: the study file's first point" in found.caption


def test_before_an_epoch_there_is_nothing(tmp_path):
    rows = [search("full", 0, None)]
    assert picture(read_study(write_study(tmp_path / "s", rows, [arm("full")]))) is None


def test_searched_arms_without_an_epoch_are_named(tmp_path):
    rows = [search("full", 0, 0.9), search("bn", 0, None, "diverged") | {"epochs": 0}]
    arms = [arm("full", "reference"), arm("bn"), arm("none")]
    found = picture(read_study(write_study(tmp_path / "s", rows, arms)))
    assert found.caption.endswith(" No epoch yet: bn.")
