"""Two parameters against each other."""

import numpy as np

from reports.figures import pairs


def test_cells_of_the_interaction():
    table, counts = pairs.binned(
        [0.1, 0.1, 0.9],
        [0.1, 0.1, 0.9],
        [1.0, 3.0, 5.0],
        np.array([0, 0.5, 1]),
        np.array([0, 0.5, 1]),
    )
    assert table[0, 0] == 2.0
    assert table[1, 1] == 5.0
    assert np.isnan(table[0, 1])
    assert counts.sum() == 3
