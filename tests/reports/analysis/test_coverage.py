"""Does the report tell the truth about made-up studies whose truth is known?

Monte Carlo, with its own error in every bound.
"""

import math

import numpy as np
import pandas as pd
import pytest

from reports.analysis import statistics as st
from reports.analysis.arm import Arm
from reports.analysis.collect import Study, read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.analysis.tuned import tuned_values
from study import store
from tests.reports.synthetic import arm, replicate, search, write_study


def bound(share, times, errors=3.5):
    """How far a share measured in ``times`` draws may lie from its expectation."""
    return errors * math.sqrt(share * (1 - share) / times)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_student_intervals_cover_what_they_say(n):
    """Of a mean, and of a paired difference whose seeds share a common part."""
    rng, times = np.random.default_rng(n), 1500
    common = rng.normal(0, 0.02, (times, n))
    arms = [0.9 + common + rng.normal(0, spread, (times, n)) for spread in (0.01, 0.02)]
    for x, truth in ((arms[0], 0.9), (arms[1] - arms[0], 0.0)):
        covered = np.mean([low <= truth <= high for low, high in map(st.interval, x)])
        assert covered == pytest.approx(0.95, abs=bound(0.95, times))


def test_the_bootstrap_is_too_short_for_three_seeds():
    """Why Student's t is the default."""
    rng, times = np.random.default_rng(0), 150
    bounds = [st.interval(rng.normal(size=3), method="bootstrap") for _ in range(times)]
    assert np.mean([low <= 0 <= high for low, high in bounds]) < 0.73 + bound(0.73, times) < 0.95


def made_up(rng, effects, seeds, spread=0.01):
    """A study in memory.

    Every arm's accuracy is 0.9 + its effect + a part shared by the seed + a part of its own.
    """
    shared = rng.normal(0, spread, seeds)
    rows = []
    for name, effect in effects.items():
        own = rng.normal(0, spread, seeds)
        rows += [
            replicate(name, seed, float(0.9 + effect + shared[seed] + own[seed]))
            for seed in range(seeds)
        ]
    roles = {"full": "reference", "bn": "baseline"}
    arms = tuple(Arm.from_json(arm(name, roles.get(name, "ablation"))) for name in effects)
    trials = pd.DataFrame(rows, columns=[*dict.fromkeys((*store.TRIAL_COLUMNS, *rows[0]))])
    return Study(
        "made up", (), trials, pd.DataFrame(), {"reference": "full", "baseline": "bn"}, arms
    )


def share_with_a_wrong_verdict(effects, seeds, times):
    """Shares of tables in which a true null is called better or worse, and "worse" is found."""
    rng, wrong, found = np.random.default_rng(7), 0, 0
    for _ in range(times):
        study = made_up(rng, effects, seeds)
        verdicts = {
            (r.arm, d.against): d.verdict.turned.turned  # in the words of a baseline
            for r in main_table(study, options_for(study))
            for d in r.differences.values()
        }
        nulls = [
            words for (one, other), words in verdicts.items() if effects[one] == effects[other]
        ]
        wrong += any(words.is_difference for words in nulls)
        found += verdicts.get(("worse", "full")) == "worse"
    return wrong / times, found / times


def test_whole_tables_rarely_hold_a_false_verdict():
    effects = {"full": 0.0, "bn": 0.0, "a": 0.0, "b": 0.0}  # five comparisons
    wrong, _ = share_with_a_wrong_verdict(effects, seeds=8, times=40)
    assert wrong <= 0.05 + bound(0.05, 40)


def test_true_effects_are_found_beside_true_nulls():
    wrong, found = share_with_a_wrong_verdict(
        {"full": 0.0, "bn": 0.0, "worse": -0.06}, seeds=8, times=20
    )
    assert wrong <= 0.05 + bound(0.05, 20)
    assert found > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [8, 10])
def test_whole_tables_rarely_hold_a_false_verdict_at_length(seeds):
    wrong, _ = share_with_a_wrong_verdict(
        {"full": 0.0, "bn": 0.0, "a": 0.0, "b": 0.0}, seeds=seeds, times=500
    )
    print(f"share of tables with a false verdict at {seeds} seeds: {wrong:.4f}")
    assert wrong <= 0.05 + bound(0.05, 500)


def test_three_seeds_decide_what_is_plain():
    """A difference of 25 standard deviations needs no fourth seed."""
    wrong, found = share_with_a_wrong_verdict(
        {"full": 0.0, "bn": 0.0, "worse": -0.5}, seeds=3, times=20
    )
    assert wrong <= 0.05 + bound(0.05, 20)
    assert found > 0.9


PEAKS = {
    "full": (0.95, 0.1),
    "no_scaling": (0.90, 0.01),
    "bn": (0.92, 0.03),
}  # (accuracy at its best learning rate, that rate)


def accuracy(name, rate, rng):
    best, peak = PEAKS[name]
    return float(best - 0.08 * math.log10(rate / peak) ** 2 + rng.normal(0, 0.002))


def verdict_on_no_scaling(folder, rows):
    arms = [arm("full", "reference"), arm("no_scaling", factors=["scaling"]), arm("bn", "baseline")]
    rate = {"type": "float", "low": 1e-3, "high": 1.0, "log": True}
    study = read_study(
        write_study(
            folder, rows, arms, parameters={"train.learning_rate": rate}, factors={"scaling": {}}
        )
    )
    result = {result.arm: result for result in main_table(study, options_for(study))}
    return study, result["no_scaling"].differences["full"].verdict.turned.turned


def test_an_ablation_at_one_learning_rate_ranks_wrongly_and_equal_tuning_rightly(tmp_path):
    """The whole loses 0.08 at the learning rate that suits its ablation.

    With the same search for each, the truth shows.
    """
    rng = np.random.default_rng(3)
    frozen = [
        replicate(name, seed, accuracy(name, 0.01, rng)) for name in PEAKS for seed in range(8)
    ]
    assert verdict_on_no_scaling(tmp_path / "frozen", frozen)[1] == "better"

    rows = []
    for name in PEAKS:
        for number in range(12):
            rate = 10 ** rng.uniform(-3, 0)
            rows.append(
                search(name, number, accuracy(name, rate, rng), **{"train.learning_rate": rate})
            )
    searched, _ = verdict_on_no_scaling(tmp_path / "searched", rows)
    chosen = {
        name: tuned_values(searched, name)[0].chosen for name in PEAKS
    }  # by validation accuracy alone
    rows += [
        replicate(name, seed, accuracy(name, chosen[name], rng))
        for name in PEAKS
        for seed in range(8)
    ]
    assert verdict_on_no_scaling(tmp_path / "tuned", rows)[1] == "worse"
