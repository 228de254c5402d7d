"""`until: decided`: when an arm gets more seeds or repeats, and when it has enough."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eisnn.errors import Diverged
from study import store
from study.agenda.deciding import Deciding, is_decided
from study.store import Key, Kind, State, read_json, trials_frame
from tests import tiny

Tree = dict[str, Any]


ROOT = Path(__file__).resolve().parents[3]


FIRST, MOST = 2, 3


def test_an_interval_decides() -> None:
    # mean 2, spread 1.155, n 4: t(0.025, 3) = 3.182, so the half width is 1.837
    differences = [1.0, 1.0, 3.0, 3.0]
    spread = float(np.std(differences, ddof=1))
    half = 3.182446 * spread / 2
    assert is_decided(differences, 0.05, 0.0, None) == (half < 2.0)
    assert not is_decided(differences, 0.001, 0.0, None)
    assert is_decided([0.0, 0.0, 0.0], 0.05, 0.01, margin=0.05)  # within the margin
    assert not is_decided([0.0, 0.0, 0.0], 0.05, 0.01, margin=0.01)
    assert not is_decided([5.0], 0.05, 0.0, None)


def ends(arms: Mapping[str, list[float | None]]) -> dict[Key, dict[str, Any]]:
    """Rows of replicates; None: it diverged."""
    rows = {}
    for arm, values in arms.items():
        for number, value in enumerate(values):
            state = State.DIVERGED if value is None else State.COMPLETED
            row = {"state": state, "test/accuracy": value}
            rows[Key(arm, Kind.REPLICATE, 0, number)] = row
    return rows


@pytest.fixture
def deciding(plan_of: Callable[[Tree], Any], study_tree: Tree) -> Deciding:
    study_tree["replicate"] = {"seeds": 3, "most": 6, "until": "decided"}
    return Deciding(plan_of(study_tree), classes=10, test_images=100)


def test_open_comparisons_get_more_seeds(deciding: Deciding) -> None:
    assert deciding.pairs == [("no_straight_through", "full"), ("bn", "full")]
    assert deciding.level == pytest.approx(0.05 / (2 * 2))
    assert deciding.wanted({}).seeds == {"full": 3, "no_straight_through": 3, "bn": 3}
    near: list[float | None] = [0.90, 0.93, 0.91]
    rows = ends({"full": [0.92, 0.91, 0.90], "no_straight_through": near, "bn": [None] * 3})
    assert deciding.wanted(rows).seeds == {"full": 6, "no_straight_through": 6, "bn": 3}
    assert deciding.open(rows) == [("no_straight_through", "full")]


def test_a_regression_is_decided_by_its_loss(deciding: Deciding) -> None:
    """Its losses lie closer together than one image in 100 would, and a failure has no value."""
    rows = ends({"full": [0.0] * 3, "no_straight_through": [0.0] * 3, "bn": [0.0] * 3})
    losses = {
        "full": [0.0040, 0.0041, 0.0039],
        "no_straight_through": [0.0050, 0.0052, 0.0049],
        "bn": [0.0041, 0.0039, 0.0040],
    }
    for key, row in rows.items():
        row |= {"test/accuracy": None, "test/loss": losses[key.arm][key.number]}
    # differences of 0.0010, 0.0011, 0.0010: mean 0.00103, spread 0.00006; t(0.00625, 2 df) = 8.9
    assert deciding.open(rows) == [("bn", "full")]


def test_what_a_look_decided_stays_decided(deciding: Deciding) -> None:
    """Later seeds of the reference, trained for another arm, change nothing."""
    rows = ends({"full": [0.9] * 3 + [0.1] * 3, "no_straight_through": [0.9] * 6, "bn": [None] * 3})
    assert ("bn", "full") not in deciding.open(rows)
    assert deciding.wanted(rows).seeds["bn"] == 3


def all_alike(fit: Any) -> Callable[..., dict[str, float]]:
    """Every arm reaches the same test accuracy, but for the baseline, which falls silent."""

    def trained(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == "bn" and options["test"]:
            raise Diverged("silent")
        metrics: dict[str, float] = fit(config, **options)
        return {**metrics, "test/accuracy": 0.9} if options["test"] else metrics

    return trained


def test_a_study_trains_until_it_is_decided(
    without_ray: Callable[..., Any], study_tree: Tree, fit: Any, capsys: Any
) -> None:
    study_tree["replicate"] = {"seeds": 3, "most": 6, "until": "decided"}

    study = without_ray(study_tree)
    study.fit = all_alike(fit)
    code, folder = study.run()
    assert code == 0
    rows = trials_frame(folder)
    counts = rows[rows["kind"] == Kind.REPLICATE].groupby("arm").size().to_dict()
    assert counts == {"full": 6, "no_straight_through": 6, "bn": 3}
    assert "not decided: no_straight_through" in capsys.readouterr().out
    ending = read_json(folder / "ending.json")
    assert ending is not None
    assert ending["undecided"] == ["no_straight_through"]
    trained = list(study.trained)
    assert study.run()[0] == 0
    assert study.trained == trained
    assert "+0 new  =21 kept  -0 retired" in capsys.readouterr().out


REPEATED = {"trials": 2, "repeats": 2, "most": 5, "until": "decided"}


def test_open_comparisons_get_more_repeats(
    plan_of: Callable[[Tree], Any], study_tree: Tree
) -> None:
    study_tree["search"] = dict(REPEATED)
    study_tree["replicate"] = {"seeds": 1}
    deciding = Deciding(plan_of(study_tree), classes=10, test_images=100)
    assert deciding.looks == [2, 4, 5]
    assert deciding.level == pytest.approx(0.05 / (2 * 3))  # two comparisons, three looks
    assert deciding.wanted({}).repeats == {"full": 2, "no_straight_through": 2, "bn": 2}
    rows: dict[Key, dict[str, Any]] = {}
    # 80 points lost with a spread of one image: t(0.05 / 12, 1 df) = 76, so half is 76 * 0.01 / 1.4
    for arm, value in (("full", 0.9), ("no_straight_through", 0.9), ("bn", 0.1)):
        for repeat in range(2):
            row = {"state": State.COMPLETED, "test/accuracy": value}
            rows[Key(arm, Kind.REPLICATE, repeat, 0)] = row
    wanted = deciding.wanted(rows)
    assert wanted.repeats == {"full": 4, "no_straight_through": 4, "bn": 2}
    assert wanted.seeds == {"full": 1, "no_straight_through": 1, "bn": 1}


@pytest.mark.parametrize("collapses", [0.0, 0.1])
def test_few_studies_of_equal_arms_decide_falsely_over_repeats(
    plan_of: Callable[[Tree], Any], study_tree: Tree, collapses: float
) -> None:
    """Searches of equal arms end 4 SDs of a seed apart, and some runs diverge.

    The unit is the repeat: taken for units of their own, the 16 seeds would find a difference in
    two of five such studies.
    """
    study_tree["search"] = {**REPEATED, "repeats": 4, "most": 8}
    study_tree["replicate"] = {"seeds": 4}
    deciding = Deciding(plan_of(study_tree), classes=10, test_images=1000)
    rng = np.random.default_rng(5)
    studies, false, of_seeds = 400, 0, 0
    for _ in range(studies):
        accuracy = 0.7 + 0.04 * rng.normal(size=(3, 8, 1)) + 0.01 * rng.normal(size=(3, 8, 4))
        lost = rng.random(accuracy.shape) < collapses
        rows: dict[Key, dict[str, Any]] = {}
        for (arm, repeat, number), value in np.ndenumerate(accuracy):
            state = State.DIVERGED if lost[arm, repeat, number] else State.COMPLETED
            key = Key(deciding.plan.arms[arm].name, Kind.REPLICATE, repeat, number)
            rows[key] = {"state": state, "test/accuracy": float(value)}
        false += len(deciding.open(rows)) < 2
        seeds = (accuracy[1:, :4] - accuracy[0, :4]).reshape(2, 16)
        of_seeds += any(is_decided(d, deciding.level, 0.001, None) for d in seeds)
    assert false / studies <= 0.05 + 3.5 * (0.05 * 0.95 / studies) ** 0.5
    assert of_seeds / studies > 0.3


def repeats_of(folder: Any, kind: Kind) -> dict[str, int]:
    rows = trials_frame(folder)
    return dict(rows[rows["kind"] == kind].groupby("arm")["repeat"].nunique())


@pytest.fixture
def alike(without_ray: Callable[..., Any], study_tree: Tree, fit: Any) -> Any:
    """A study whose ablation equals the reference, and whose baseline falls silent."""
    study_tree["search"] = dict(REPEATED)
    study_tree["replicate"] = {"seeds": 1}

    def study(**sections: Any) -> Any:
        made = without_ray({**study_tree, **sections})
        made.fit = all_alike(fit)
        return made

    return study


def test_a_study_repeats_searches_until_it_is_decided(alike: Any, capsys: Any) -> None:
    study = alike()
    code, folder = study.run()
    assert code == 0
    expected = {"full": 5, "no_straight_through": 5, "bn": 2}
    assert repeats_of(folder, Kind.SEARCH) == expected
    assert repeats_of(folder, Kind.REPLICATE) == expected
    assert len(trials_frame(folder)) == 12 * (2 + 1)  # 12 repeats of two proposals and one seed
    assert "not decided: no_straight_through" in capsys.readouterr().out
    trained = list(study.trained)
    assert study.run()[0] == 0
    assert study.trained == trained
    assert "+0 new  =36 kept  -0 retired" in capsys.readouterr().out


def test_a_budget_holds_whole_repeats(alike: Any, capsys: Any) -> None:
    """18 trials are planned, a further repeat of two arms is 6 trials: 25 hold one of them."""
    code, folder = alike(budget={"trials": 25}).run()
    assert code == 3
    assert repeats_of(folder, Kind.REPLICATE) == {"full": 3, "no_straight_through": 3, "bn": 2}
    said = capsys.readouterr().out
    assert "the budget holds no further repeat, which undecided verdicts ask for" in said
    assert "not decided: no_straight_through" in said


def test_killed_in_a_further_repeat_it_ends_the_same(
    world: Any, study_tree: Tree, rows_of: Any, killed: Any
) -> None:
    study_tree["search"] = dict(REPEATED)
    study_tree["replicate"] = {"seeds": 1}
    expected = rows_of(world(study_tree, "undisturbed").play())
    assert len(expected) > 18  # it grew
    for kill in (70, 110):
        disturbed = world(study_tree, f"killed-{kill}")
        with pytest.raises(killed):
            disturbed.play(events=kill)
        assert rows_of(disturbed.play()) == expected


def run(space: Path, results: Path) -> str:
    line = [sys.executable, "run_study.py", "--space", str(space), "--results", str(results)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def interval(units: pd.Series) -> tuple[float, float]:
    """Of a mean, for one comparison at two looks: 1 - 0.05 / 2 at each."""
    spread = max(units.std(ddof=1), 0.01)  # one of 100 images
    half = stats.t.isf(0.05 / 2 / 2, len(units) - 1) * spread / len(units) ** 0.5
    return units.mean() - half, units.mean() + half


@pytest.mark.slow
def test_searches_are_repeated_until_the_verdict_is_decided(tmp_path: Path) -> None:
    repeated = {"trials": 1, "repeats": FIRST, "most": MOST, "until": "decided"}
    study = {**tiny.STUDY, "search": repeated, "replicate": {"seeds": 2}}
    space = tiny.write(tmp_path, study)
    output = run(space, tmp_path / "results")
    folder = tmp_path / "results" / "cli"
    rows = store.trials_frame(folder)
    assert set(rows["state"]) == {"completed"}

    replicates = rows[rows["kind"] == store.Kind.REPLICATE]
    values = replicates.groupby(["arm", "repeat"])["test/accuracy"].mean().unstack("arm")
    units = values["bn"] - values["full"]
    low, high = interval(units.iloc[:FIRST])
    grown = FIRST if low > 0 or high < 0 else MOST
    low, high = interval(units)
    is_open = low <= 0 <= high

    assert len(units) == grown
    for _, arm in rows.groupby("arm"):
        for repeat in range(grown):
            kinds = arm.loc[arm["repeat"] == repeat, "kind"].value_counts().to_dict()
            assert kinds == {store.Kind.SEARCH: 1, store.Kind.REPLICATE: 2}
    assert rows["id"].is_unique  # every repeat draws for itself
    ending = store.read_json(folder / "ending.json")
    assert ending is not None
    assert ending["undecided"] == (["bn"] if is_open else [])
    assert ("not decided: bn" in output) == is_open
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "each arm was searched at least 2 times, and a repeat counts once" in page
    assert f"+0 new  ={len(rows)} kept  -0 retired" in run(space, tmp_path / "results")
