"""The trials with what their arms override."""

import pandas as pd

import reports
from tests.reports.synthetic import arm, replicate, write_study


def test_what_an_arm_overrides_stands_in_the_frames(tmp_path):
    arms = [arm("full", "reference"), arm("no_ste", factors=["ste"])]
    arms[1]["overrides"] = {"circuit.prop.straight_through": False}
    rows = [replicate("full", 1, 0.9), replicate("no_ste", 1, 0.8)]
    trials, _ = reports.load(write_study(tmp_path / "s", rows, arms))
    column = trials.set_index("arm")["override/circuit.prop.straight_through"]
    assert column["no_ste"] is False or column["no_ste"] == False  # noqa: E712
    assert pd.isna(column["full"])
