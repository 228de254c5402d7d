"""Activity, balance and gradients along the layers and over the epochs."""

import pytest

from reports.figures import diagnostics, style
from reports.figures.layers import over_depth, over_epochs


@pytest.fixture
def rows(study):
    return diagnostics.read(study, study.arm_names)


def titles(picture):
    return {axes.get_title(loc="left"): axes for axes in picture.figure.axes if axes.get_visible()}


def test_a_line_for_each_arm_along_the_layers_after_the_last_epoch(rows):
    found = over_depth(rows, style.looks(["full", "bn"], "full", "bn"), "full")
    assert "n = 1 replicates for each of 2 arms" in found.caption
    rate = titles(found)["firing rate (spikes / step)"]
    lines = {line.get_color(): line.get_ydata().tolist() for line in rate.lines}
    assert set(lines) == {style.REFERENCE, style.BASELINE}
    assert lines[style.REFERENCE] == pytest.approx([0.25, 0.21, 0.17])
    # bn has no circuit: its panel of the balance shows the reference alone
    assert len(titles(found)["E/I balance: I_sub / I_ee"].lines) == 1


def test_a_line_for_each_layer_over_the_epochs(rows):
    found = over_epochs(rows, "bn")
    gradient = titles(found)["gradient norm"]
    assert len(gradient.lines) == 3
    assert gradient.lines[0].get_xdata().tolist() == list(range(1, 13))
    assert gradient.get_yscale() == "log"
    assert [text.get_text() for text in gradient.texts] == ["features.0", "head"]


def test_one_epoch_is_no_course(rows):
    assert over_epochs(rows[rows["epoch"] == 1], "bn") is None
    assert over_depth(rows.head(0), {}, None) is None
