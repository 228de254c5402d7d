"""What is refused before anything starts, by the dry run and by the start, with its key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eisnn.config.yaml_file import ConfigError
from study.dry_run import dry_run
from study.forecast import building, machine
from study.plan import Plan, plan_record
from study.preflight import check
from tests import tiny

ROOT = Path(__file__).parents[2]
Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]

ASHA = {"type": "asha", "grace_epochs": 2}
MISTAKES: dict[str, tuple[Tree, str]] = {
    "equal arms": (
        {"baselines": {"bn": {"model.norm": "bn"}, "twin": {"model.norm": "bn"}}},
        "baselines.twin: is the same network as bn",
    ),
    "a factor without effect": (
        {"ablation": {"factors": {"divisive": {"circuit.divisive": True}}}},
        "ablation.factors.divisive: changes nothing: circuit.divisive: True is what full has",
    ),
    "grace as long as a trial": (
        {"search": {"trials": 4, "pruner": ASHA}},
        "search.pruner.grace_epochs: must be below the 2 epochs of a trial",
    ),
    "a median of nothing": (
        {"search": {"trials": 4, "pruner": {"type": "median", "startup_trials": 4}}},
        "search.pruner.startup_trials: must be below search.trials (4)",
    ),
    "too few to halve": (
        {"search": {"trials": 2, "pruner": {"type": "asha", "reduction_factor": 3}}},
        "search.pruner.reduction_factor: must be at most search.trials (2)",
    ),
    "more images than there are": (
        {"overrides": {"data.train_size": 5000}},
        "data.train_size: digits has 1,438 such images, given 5,000",
    ),
    "CPUs": ({"resources": {"cpu": 4096}}, "resources.cpu: one trial needs 4096 CPUs"),
    "GPUs": ({"resources": {"gpu": 64}}, "resources.gpu: one trial needs 64 GPUs"),
}


def test_a_sampler_whose_package_is_missing_is_refused(
    plan_of: PlanOf, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of None is Python's own note that a module is not to be imported."""
    plan = plan_of({**study_tree, "search": {"trials": 2, "sampler": "cmaes"}})
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ConfigError, match=r"cmaes, which is not installed; pip install 'eisnn"):
        check(plan, "s.yaml")


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_refused_with_its_key(plan_of: PlanOf, study_tree: Tree, name: str) -> None:
    change, message = MISTAKES[name]
    plan = plan_of({**study_tree, **change})
    with pytest.raises(ConfigError) as caught:
        check(plan, "s.yaml")
    assert str(caught.value).startswith(f"s.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_a_cluster_has_resources_of_its_own(plan_of: PlanOf, study_tree: Tree) -> None:
    study_tree["resources"] = {"cpu": machine.cpus() + 1}
    check(plan_of(study_tree), "s.yaml", here=False)


def test_too_few_addresses_are_said_before_a_worker_dies_of_them(
    write: Any, study_tree: Tree
) -> None:
    command = f"ulimit -v 4000000 && exec {sys.executable} run_study.py --space {write(study_tree)}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "ulimit -v: one process may reserve 3.8 GB" in done.stderr
    assert "run 'ulimit -v unlimited' before the command" in done.stderr


def test_a_network_that_cannot_be_built_is_one_line(plan_of: PlanOf, study_tree: Tree) -> None:
    study_tree["parameters"]["circuit.ei_ratio"] = {"type": "categorical", "choices": [2, 5000]}
    with pytest.raises(ConfigError) as caught:
        building.begin(plan_of(study_tree))()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert (
        "parameters.circuit.ei_ratio: the value 5000: cannot be built in full, no_str" in lines[0]
    )


def test_a_dataset_that_is_not_there_is_said(
    plan_of: PlanOf, study_tree: Tree, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("EISNN_DATA", str(tmp_path / "nowhere"))
    study_tree["overrides"] = {"data.name": "cifar10"}
    with pytest.raises(ConfigError, match="data: cifar10 was not found"):
        building.begin(plan_of(study_tree), download=False)()


COUNTED_IN_VAIN = """
import json, multiprocessing, pathlib, sys
from study import request
from study.forecast import building
if __name__ == "__main__":
    plan = request.from_file(pathlib.Path(sys.argv[1])).plan()
    wait = building.begin(plan)
    process, = multiprocessing.active_children()
    if sys.argv[2] == "drop":
        del wait
        process.join()
        print(process.exitcode)
    else:
        process.kill()
        try:
            wait()
        except building.ConfigError as error:
            print(error)
"""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("drop", f"{-signal.SIGTERM}\n"),
        ("kill", "the process that tries the networks ended with -9"),
    ],
)
def test_the_process_that_tries_networks_ends_with_its_purpose(
    write: Any, study_tree: Tree, tmp_path: Path, how: str, words: str
) -> None:
    """It would keep an interrupted command waiting for a download; and its death is said."""
    (tmp_path / "count.py").write_text(COUNTED_IN_VAIN)
    command = [sys.executable, str(tmp_path / "count.py"), str(write(study_tree)), how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert words in done.stdout


def test_other_numerics_are_refused_with_the_commit(
    plan_of: PlanOf, study_tree: Tree, tmp_path: Path
) -> None:
    plan = plan_of(study_tree)
    record = {**plan_record(plan), "numerics": 1}
    (tmp_path / "plan.json").write_text(json.dumps(record))
    trial = tmp_path / "trials" / "0123456789ab"
    trial.mkdir(parents=True)
    (trial / "state.json").write_text("{}")
    environment = {"key": "x", "earlier": {}, "commit": "e82e60f"}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    with pytest.raises(ConfigError, match=r"the version of the numerics was 1 .*commit e82e60f"):
        check(plan, "s.yaml", folder=tmp_path)


def test_the_dry_run_shows_the_plan_and_then_refuses(
    plan_of: PlanOf, study_tree: Tree, tmp_path: Path
) -> None:
    change, message = MISTAKES["equal arms"]
    text = dry_run(plan_of({**study_tree, **change}), tmp_path / "none")
    assert "tiny: 4 arms" in next(text)
    with pytest.raises(ConfigError, match=message):
        list(text)


def test_the_command_exits_with_2(tmp_path: Path) -> None:
    space = tiny.write(tmp_path, {**tiny.STUDY, "resources": {"cpu": 4096}})
    for option in ([], ["--dry-run"]):
        code, output = tiny.command("--space", space, "--results", tmp_path / "r", *option)
        assert (code, "resources.cpu: one trial needs 4096 CPUs" in output) == (2, True)


def test_the_dry_run_counts_what_a_budget_holds(
    plan_of: PlanOf, study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["budget"] = {"trials": 9}  # three arms: a search trial and two seeds of each
    text = next(dry_run(plan_of(study_tree), tmp_path))
    assert "budget: 9 trials: holds 1 search trials and 2 seeds of every arm" in text
    study_tree["budget"] = {"trials": 5}
    text = next(dry_run(plan_of(study_tree), tmp_path))
    assert "too small for one search trial and one seed of every arm" in text


def test_a_finished_study_has_nothing_new(world: Any, study_tree: Tree) -> None:
    played = world(study_tree)
    played.play()
    assert "+0 new  =12 kept  -0 retired" in next(dry_run(played.plan, played.folder))
    more = world({**study_tree, "replicate": {"seeds": 3}})
    assert "+3 new  =12 kept  -0 retired" in next(dry_run(more.plan, played.folder))
