"""One run's curves."""

import pandas as pd
import pytest

from reports.figures.run import picture

ROWS = pd.DataFrame(
    {
        "epoch": [1, 2],
        "train/accuracy": [0.5, 0.75],
        "val/accuracy": [0.25, 0.5],
        "train/loss": [2.0, 1.0],
        "val/loss": [2.5, 1.5],
        "learning_rate": [0.1, 0.05],
        "firing_rate": [float("nan")] * 2,  # a network without cells of ours
    }
)


def test_panels_are_those_that_there_are_numbers_for():
    found = picture(ROWS, "mine")
    assert found.caption == "mine: one run of 2 epochs so far (n = 1)."
    shown = {axes.get_title(loc="left"): axes for axes in found.figure.axes if axes.get_visible()}
    assert set(shown) == {"accuracy (%)", "loss", "learning rate"}
    lines = [line.get_ydata().tolist() for line in shown["accuracy (%)"].lines]
    assert lines == [pytest.approx([50, 75]), pytest.approx([25, 50])]
    assert [text.get_text() for text in shown["loss"].texts] == ["training", "validation"]


def test_before_the_first_epoch_there_is_nothing():
    assert picture(ROWS.head(0), "mine") is None
