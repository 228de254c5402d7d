"""A study's folder, or several, as one record."""

import json

import pytest

import reports
from reports.analysis.collect import StudyError, read_studies
from reports.analysis.options import options_for
from reports.page.page import write_report
from tests.reports.page.light import LIGHT
from tests.reports.pairs_of_depths import depths
from tests.reports.synthetic import arm, replicate, small_study, write_study


def test_joined_pairs_keep_their_studys_arms(tmp_path):
    one, two = depths(tmp_path / "one"), depths(tmp_path / "two")
    (two / "plan.json").write_text(
        json.dumps(json.loads((two / "plan.json").read_text()) | {"pairs": [["full", "bn_4"]]})
    )
    pairs = options_for(read_studies([one, two])).pairs
    assert pairs == (
        ("ei_2 (one)", "bn_2 (one)"),
        ("bn_4 (one)", "ei_4 (one)"),
        ("full (two)", "bn_4 (two)"),
    )


def test_studies_of_different_data_are_not_joined(tmp_path):
    rows = [replicate("full", seed, 0.9) for seed in (1, 2)]
    data = {"name": "digits", "train_size": None}
    one = write_study(tmp_path / "one", rows, [arm("full", "reference")], data=data)
    same = write_study(tmp_path / "same", rows, [arm("full", "reference")], data=data)
    other = write_study(
        tmp_path / "other", rows, [arm("full", "reference")], data={**data, "name": "mnist"}
    )
    assert len(read_studies([one, same]).arm_names) == 2
    with pytest.raises(
        StudyError,
        match=r"other: data.name is mnist, but in .*one it is digits; .*report them one by one",
    ):
        read_studies([one, other])


def test_frames_for_a_notebook(tmp_path):
    trials, epochs = reports.load(small_study(tmp_path / "small"))
    assert len(trials) == 12
    assert set(epochs["id"]) <= set(trials["id"])
    assert trials["test/accuracy"].dtype == float


def test_ids_that_look_like_numbers_stay_text(tmp_path):
    rows = [
        replicate("full", 1, 0.9) | {"id": "12e456789012"},
        replicate("full", 2, 0.9) | {"id": "000000000012"},
    ]
    trials, _ = reports.load(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert list(trials["id"]) == ["12e456789012", "000000000012"]


def test_several_studies_are_joined(tmp_path):
    one = small_study(tmp_path / "one")
    two = write_study(
        tmp_path / "two",
        [replicate("full", 1000, 0.5), replicate("gn", 1000, 0.93)],
        [arm("full"), arm("gn", "baseline")],
    )
    trials, epochs = reports.load([one, two])
    assert set(trials["arm"]) == {"full (one)", "full (two)", "no_ste", "no_init", "bn", "gn"}
    assert not epochs.duplicated(["id", "epoch"]).any()
    page = write_report([one, two], formats=LIGHT)
    assert page == one / "report-with-two" / "index.html"
    assert "full (two)" in page.read_text()
    with pytest.raises(StudyError, match="same name"):
        reports.load([one, one])
