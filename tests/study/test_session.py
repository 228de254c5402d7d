"""A run from its file to its end: what it refuses, what it leaves, and what takes its ground
away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study import store

Tree = dict[str, Any]
Study = Callable[..., Any]


def test_a_budget_without_room_for_a_comparison_is_refused(
    without_ray: Study, study_tree: Tree
) -> None:
    study_tree["budget"] = {"trials": 5}  # three arms need a search trial and a seed each
    with pytest.raises(
        ConfigError, match=r"budget\.trials: 5 trials are too few for one search trial"
    ):
        without_ray(study_tree).run()


def test_a_budget_gives_every_arm_a_result_before_more(
    without_ray: Study, study_tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    study_tree["search"]["trials"] = 4
    study_tree["replicate"]["seeds"] = 3
    study_tree["budget"] = {"trials": 7}
    code, folder = without_ray(study_tree).run()
    assert code == 3
    rows = store.trials_frame(folder)
    replicated = rows[rows["kind"] == store.Kind.REPLICATE]
    assert set(replicated["arm"]) == {"full", "no_straight_through", "bn"}
    assert "7 of 21 trials; ended by its budget" in capsys.readouterr().out
    ending = store.read_json(folder / "ending.json")
    assert ending is not None
    assert (ending["ended"], ending["planned"], ending["without_result"]) == (7, 21, [])
    # The budget is used up, and the same command says so again.
    assert without_ray(study_tree).run()[0] == 3


def test_repeats_are_searches_of_their_own(without_ray: Study, study_tree: Tree) -> None:
    study_tree["search"]["repeats"] = 2
    study_tree["ablation"] = {}
    study = without_ray(study_tree)
    code, folder = study.run()
    assert code == 0
    rows = store.trials_frame(folder)
    assert len(rows) == 2 * 2 * (2 + 2)  # arms, repeats, search trials and seeds
    searched = rows[rows["kind"] == store.Kind.SEARCH]
    assert searched.groupby("repeat")["seed"].unique().map(list).to_dict() == {0: [0], 1: [1]}
    seeds = rows[rows["kind"] == store.Kind.REPLICATE].groupby("repeat")["seed"].unique()
    assert seeds.map(list).to_dict() == {0: [1000, 1001], 1: [11000, 11001]}
    assert rows["id"].is_unique
    trained = list(study.trained)
    assert study.run()[0] == 0
    assert study.trained == trained


def test_one_repeat_more_keeps_the_first(without_ray: Study, study_tree: Tree) -> None:
    study = without_ray(study_tree)
    _, folder = study.run()
    before = set(store.trials_frame(folder)["id"])
    study_tree["search"]["repeats"] = 2
    more = without_ray(study_tree)
    more.run()
    assert before < set(store.trials_frame(folder)["id"])
    assert not {identity for identity, _ in more.trained} & before


def test_a_folder_that_is_moved_away_does_not_come_back(
    without_ray: Study, study_tree: Tree, fit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    study = without_ray(study_tree)
    folder = study.request.results / "tiny"
    done = []

    def moving(config: Any, **options: Any) -> dict[str, float]:
        if len(done) == 2:
            folder.rename(folder.with_name("gone"))
        done.append(config)
        result: dict[str, float] = fit(config, **options)
        return result

    study.fit = moving
    assert study.run()[0] == 3
    assert "was moved or removed while its study ran" in capsys.readouterr().err
    assert not folder.exists()
    study.fit = fit
    assert study.run()[0] == 0


def test_another_file_of_the_same_name_is_refused(
    without_ray: Study, study_tree: Tree, tmp_path: Path
) -> None:
    study = without_ray(study_tree)
    study.run()
    other = tmp_path / "other.yaml"
    text = Path(study.request.where).read_text(encoding="utf-8")
    other.write_text(text.replace("seeds: 2", "seeds: 1"), encoding="utf-8")
    study.request = replace(study.request, where=str(other), text=other.read_text("utf-8"))
    with pytest.raises(ConfigError, match="holds the trials of another study file of this name"):
        study.run()


def test_the_record_is_whole(without_ray: Study, study_tree: Tree) -> None:
    _, folder = without_ray(study_tree).run()
    command = store.read_json(folder / "command.json")
    assert command is not None
    assert command["file"].endswith("study.yaml")
    assert "learning_rate" in (folder / "base.yaml").read_text()


def test_a_grid_that_is_finished_stays_finished(
    without_ray: Study, study_tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """0.0 to 0.3 by 0.1, where sums of floats end at 0.30000000000000004."""
    study_tree |= {"baselines": {}, "ablation": {}, "replicate": {"seeds": 1}}
    steps = {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1}
    study_tree["parameters"] = {"train.momentum": steps}
    study_tree["search"] = {"sampler": "grid", "trials": 4}
    study = without_ray(study_tree)
    tables = []
    for run in range(3):
        code, folder = study.run()
        assert code == 0
        said = capsys.readouterr().out
        assert run == 0 or "+0 new  =5 kept  -0 retired" in said  # a new folder has no difference
        tables.append((folder / "trials.csv").read_text())
    assert tables[0] == tables[1] == tables[2]
    found = store.trials_frame(folder)
    searched = found.loc[found["kind"] == store.Kind.SEARCH, "train.momentum"]
    assert sorted(searched) == [0.0, 0.1, 0.2, 0.3]
