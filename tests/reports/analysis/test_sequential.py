"""How often a study may look at its verdicts."""

import pytest

from reports.analysis.sequential import looks


@pytest.mark.parametrize(
    ("first", "most", "expected"),
    [(5, 18, [5, 10, 15, 18]), (5, 20, [5, 10, 15, 20]), (3, 3, [3]), (5, 3, [5]), (0, 9, [])],
)
def test_looks(first, most, expected):
    assert looks(first, most) == expected
