"""Failures are outcomes with a value, and units are what is independent."""

import math

import pytest

from reports.analysis import ablation, outcomes
from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from tests.reports.synthetic import arm, replicate, write_study


def dying(folder, *, seeds=5, dead=2, **plan):
    """full has 0.90 in all seeds.

    lucky has 0.92 where it lives, and dies in the first ``dead`` seeds.
    """
    rows = [replicate("full", k, 0.90 + 0.001 * k) for k in range(seeds)]
    for k in range(seeds):
        rows.append(replicate("lucky", k, None if k < dead else 0.92 + 0.001 * k))
    arms = [arm("full", "reference"), arm("lucky", "baseline")]
    plan = {"classes": 10, "test_images": 1000, "baseline": None, "seeds": seeds, **plan}
    return read_study(write_study(folder, rows, arms, **plan))


def test_a_replicate_that_diverged_counts_as_chance(tmp_path):
    study = dying(tmp_path / "s")
    _, lucky = main_table(study, options_for(study))
    assert lucky.n == 5
    assert lucky.failed == {0: 0.1, 1: 0.1}
    assert lucky.mean == pytest.approx((0.1 + 0.1 + 0.922 + 0.923 + 0.924) / 5)
    assert lucky.differences["full"].mean < 0  # by survivors alone, it would be 0.02 ahead
    assert lucky.trained.text == "3 of 5"
    assert lucky.trained.mean == pytest.approx(0.923)
    assert lucky.differences["full"].p_trains == pytest.approx(
        0.5
    )  # 2 pairs disagree, both one way


def test_chance_of_a_loss_is_that_of_equal_logits(tmp_path):
    study = dying(tmp_path / "s")
    values = outcomes.values(study, options_for(study, metric="test/loss"))
    assert values["lucky"].iloc[0] == pytest.approx(math.log(10))


def test_failures_can_be_left_out(tmp_path):
    study = dying(tmp_path / "s", failures="exclude")
    _, lucky = main_table(study, options_for(study))
    assert (lucky.n, lucky.differences["full"].n) == (3, 3)
    assert lucky.trained.text == "3 of 5"
    assert lucky.differences["full"].mean == pytest.approx(0.02)


def test_without_known_classes_failures_have_no_value(tmp_path):
    study = dying(tmp_path / "s", classes=None)
    assert options_for(study).chance is None
    named = dying(tmp_path / "t", classes=None, data={"name": "cifar100"})
    assert options_for(named).chance == pytest.approx(0.01)


def test_a_failure_of_the_surroundings_is_no_outcome(tmp_path):
    rows = [replicate("full", 0, 0.9), {**replicate("full", 1, None), "state": "failed"}]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")], classes=10))
    (full,) = main_table(study, options_for(study))
    assert (full.n, full.trained.runs, full.planned) == (1, 1, 3)


def test_completed_at_chance_is_not_trained(tmp_path):
    rows = [replicate("full", k, value) for k, value in enumerate([0.10, 0.11, 0.35])]
    plan = {"classes": 10, "test_images": 360}
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")], **plan))
    (full,) = main_table(study, options_for(study))
    assert full.trained.text == "1 of 3"  # chance + 3 sqrt(0.1 * 0.9 / 360) = 0.147
    assert full.failed == {}


def repeated(folder, *, repeats=3, seeds=2):
    """bn is ahead of full in each repeat.

    By 0.01, 0.02 and 0.03, and by -+0.001 about that in their seeds.
    """
    rows = []
    for repeat in range(repeats):
        for k in range(seeds):
            seed = 1000 + repeat * seeds + k
            ahead = 0.01 * (repeat + 1) + 0.001 * (-1) ** k
            rows.append(replicate("full", seed, 0.9, repeat=repeat))
            rows.append(replicate("bn", seed, 0.9 + ahead, repeat=repeat))
    arms = [arm("full", "reference"), arm("bn", "baseline")]
    return read_study(write_study(folder, rows, arms, repeats=repeats, seeds=seeds))


def test_the_unit_is_the_repeat_where_there_are_several(tmp_path):
    study = repeated(tmp_path / "s")
    options = options_for(study)
    _, bn = main_table(study, options)
    record = bn.differences["full"]
    assert options.unit == "repeat"
    assert (record.n, record.mean) == (3, pytest.approx(0.02))
    assert record.sd == pytest.approx(0.01)  # of the repeats' means, not of six seeds
    assert list(record.units) == [0, 1, 2]
    assert (bn.n, bn.units, bn.planned) == (6, 3, 6)


def test_seeds_pair_within_a_repeat(tmp_path):
    """A repeat's difference is over the seeds that both arms have."""
    study = repeated(tmp_path / "s")
    lost = (study.trials["arm"] == "bn") & (study.trials["seed"] == 1000)
    study.trials.loc[lost, "state"] = "failed"
    _, bn = main_table(study, options_for(study))
    assert bn.differences["full"].units[0] == pytest.approx(0.009)


def test_effects_use_failures_and_units_too(tmp_path):
    rows = [replicate("full", k, 0.9) for k in range(3)]
    rows += [replicate("no_a", k, None) for k in range(3)]
    arms = [arm("full", "reference"), arm("no_a", factors=["a"])]
    study = read_study(write_study(tmp_path / "s", rows, arms, factors={"a": {}}, classes=10))
    factors, y = ablation.cells(study, options_for(study))
    (effect,) = ablation.taken_away(factors, y, options_for(study))
    assert (effect.n, effect.mean) == (3, pytest.approx(0.8))
