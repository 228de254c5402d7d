"""When diagnostics are taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eisnn.training.fit import fit
from tests.eisnn.training.runs import comparable, tiny


@pytest.mark.parametrize(
    ("batch_size", "epochs"), [(4, [0, 1, 2, 3]), (30, [0, 3])]
)  # 68 and 9 steps an epoch
def test_diagnostics_are_recorded_every_64_steps_and_change_nothing(tmp_path, batch_size, epochs):
    config = tiny(batch_size=batch_size, learning_rate=0.002)
    watched = fit(config, diagnose="distributions", diagnose_to=tmp_path)
    assert comparable(watched) == comparable(fit(config))
    rows = pd.read_csv(tmp_path / "diagnostics.csv")
    assert sorted(rows.epoch.unique()) == epochs
    assert {"hidden.0", "hidden.2", "output"} <= set(rows.layer)
    assert np.load(tmp_path / "distributions.npz")["epochs"].tolist() == epochs
