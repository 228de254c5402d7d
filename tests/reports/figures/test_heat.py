"""A small table as a figure."""

import pandas as pd

from reports.figures import heat, style


def test_each_cell_has_its_text_and_each_row_its_name():
    values = pd.DataFrame({"a": [0.1, 0.9], "b": [0.5, float("nan")]}, index=["full", "bn"])
    texts = pd.DataFrame({"a": ["ten", "ninety"], "b": ["fifty", ""]}, index=["full", "bn"])
    _, axes = style.blank(3.0, 2.0)
    heat.draw(axes, values, texts, vmin=0, vmax=1, cbar=False)
    assert [text.get_text() for text in axes.texts] == ["ten", "fifty", "ninety"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["full", "bn"]
