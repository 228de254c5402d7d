"""What accuracy costs."""

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.figures import cost, style
from tests.reports.synthetic import arm, replicate, small_study, write_study

POINTS = {"a": (1.0, 0.5), "b": (2.0, 0.9), "c": (3.0, 0.8), "d": (1.0, 0.4), "e": (4.0, 0.9)}


def test_the_front_by_hand():
    """c and d are beaten; e is as good as b and costs more."""
    assert cost.pareto_front(POINTS) == ["a", "b"]
    assert cost.pareto_front(POINTS, higher_is_better=False) == ["d"]


def picture_of(study):
    options = options_for(study)
    looks = style.looks(study.arm_names, "full", "bn")
    return cost.picture(main_table(study, options), options, looks)


def test_arms_of_which_none_trained_are_left_out(tmp_path):
    found = picture_of(read_study(small_study(tmp_path / "s")))
    energy, seconds = found.figure.axes
    assert energy.get_xlabel() == "estimated energy per image (µJ)"
    assert seconds.get_xlabel() == "training time per epoch (s)"
    assert {text.get_text() for text in energy.texts} == {"full", "no_ste", "bn"}


def test_an_arm_far_behind_is_named_instead_of_drawn(tmp_path):
    rows = []
    for name, value in (("full", 0.9), ("near", 0.85), ("far", 0.3)):
        rows += [replicate(name, k, value + 0.01 * k) for k in range(3)]
    arms = [arm("full", "reference"), arm("near", "baseline"), arm("far", "baseline")]
    found = picture_of(read_study(write_study(tmp_path / "s", rows, arms, baseline=None)))
    assert "Below the axis: far (31.0)." in found.caption
    assert {text.get_text() for text in found.figure.axes[0].texts} == {"full", "near"}
