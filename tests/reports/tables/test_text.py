"""A study's tables for a terminal."""

import re

from reports.tables.text import main_table_text
from tests.reports.synthetic import small_study


def test_the_table_in_a_terminal(tmp_path):
    text = main_table_text(small_study(tmp_path / "small"))
    assert re.search(
        r"full\s+3\s+3 of 3\s+97.00 \[94.52, 99.48\]\s+–\s+\+2.00 \[−3.73, \+7.73\] undecided"
        r"\s+3 completed",
        text,
    )
    assert re.search(r"no_init\s+0 of 3\s+0 of 3\s+–\s+–\s+–\s+3 diverged", text)
