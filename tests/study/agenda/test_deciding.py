"""`replicate.until: decided`: when an arm gets more seeds, and when it has enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from eisnn.errors import Diverged
from study.agenda.deciding import Deciding, comparisons, is_decided, looks
from study.store import Key, Kind, State, read_json, trials_frame

Tree = dict[str, Any]


def test_looks_are_planned() -> None:
    assert looks(5, 20) == [5, 10, 15, 20]
    assert looks(5, 18) == [5, 10, 15, 18]
    assert looks(5, 5) == [5]
    assert looks(0, 3) == []


def test_an_interval_decides() -> None:
    # mean 2, spread 1, n 4: t(0.025, 3) = 3.182, so the half width is 1.591
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
    assert deciding.seeds({}) == {"full": 3, "no_straight_through": 3, "bn": 3}
    near: list[float | None] = [0.90, 0.93, 0.91]
    rows = ends({"full": [0.92, 0.91, 0.90], "no_straight_through": near, "bn": [None] * 3})
    assert deciding.seeds(rows) == {"full": 6, "no_straight_through": 6, "bn": 3}
    assert deciding.open(rows) == [("no_straight_through", "full")]


def test_what_a_look_decided_stays_decided(deciding: Deciding) -> None:
    """Later seeds of the reference, trained for another arm, change nothing."""
    rows = ends({"full": [0.9] * 3 + [0.1] * 3, "no_straight_through": [0.9] * 6, "bn": [None] * 3})
    assert ("bn", "full") not in deciding.open(rows)
    assert deciding.seeds(rows)["bn"] == 3


def test_every_pair_is_compared_once(plan_of: Callable[[Tree], Any], study_tree: Tree) -> None:
    study_tree["report"] = {"baseline": "bn", "pairs": [["bn", "full"]]}
    found = comparisons(plan_of(study_tree))
    assert found == [
        ("no_straight_through", "full"),
        ("bn", "full"),
        ("no_straight_through", "bn"),
    ]


def test_a_study_trains_until_it_is_decided(
    without_ray: Callable[..., Any], study_tree: Tree, fit: Any, capsys: Any
) -> None:
    study_tree["replicate"] = {"seeds": 3, "most": 6, "until": "decided"}

    def alike(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == "bn" and options["test"]:
            raise Diverged("silent")
        metrics: dict[str, float] = fit(config, **options)
        return {**metrics, "test/accuracy": 0.9} if options["test"] else metrics

    study = without_ray(study_tree)
    study.fit = alike
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
