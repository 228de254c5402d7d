"""Learning curves: a panel for each arm."""

from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.figures import curves, style
from study.store import Kind
from tests.reports.synthetic import arm, search, small_study, write_study


def drawn(study):
    found = curves.picture(study, options_for(study), style.looks(study.arm_names, "full", "bn"))
    return found, {axes.get_title(loc="left"): axes for axes in found.figure.axes}


def test_each_arm_has_a_panel_with_the_reference_behind_it(tmp_path):
    found, panels = drawn(read_study(small_study(tmp_path / "s")))
    assert list(panels) == ["full", "no_ste", "bn"]
    assert "No epoch yet: no_init." in found.caption
    colours = {name: [line.get_color() for line in axes.lines] for name, axes in panels.items()}
    assert colours == {
        "full": [style.REFERENCE],
        "no_ste": [style.REFERENCE, style.NEUTRAL],
        "bn": [style.REFERENCE, style.BASELINE],
    }
    assert [text.get_text() for text in panels["bn"].texts] == ["n = 3"]


def test_accuracies_are_in_percent_and_bands_go_from_the_lowest_to_the_highest(tmp_path):
    study = read_study(small_study(tmp_path / "s"))
    found = curves.by_arm(study, Kind.REPLICATE)["full"]
    assert found.shape == (3, 10)
    assert sorted(found[10].round(6)) == [97, 98, 99]  # a point above the test accuracies


def test_before_a_replicate_every_search_trial_is_a_line(tmp_path):
    rows = [search("full", k, 0.8 + 0.01 * k) for k in range(3)]
    found, panels = drawn(read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")])))
    assert "every search trial so far" in found.caption
    assert len(panels["full"].lines) == 3
