"""What is refused before anything starts, by the dry run and by the start, with its key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from eisnn.errors import ConfigError
from study.forecast import machine
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
        "ablation.factors.divisive: changes nothing: full already has circuit.divisive: True",
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
    "memory": ({"resources": {"gpu": 0, "memory_gb": 1e6}}, "resources.memory_gb: one trial needs"),
}


def test_a_sampler_whose_package_is_missing_is_refused(
    plan_of: PlanOf, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of None is Python's own note that a module is not to be imported."""
    plan = plan_of({**study_tree, "search": {"trials": 2, "sampler": "cmaes"}})
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ConfigError, match=r"cmaes, which is not installed; pip install 'eisnn"):
        check(plan, "s.yaml")


def test_constraints_need_an_optuna_that_has_them(
    plan_of: PlanOf, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of({**study_tree, "search": {"trials": 2, "constraints": {"acs": {"max": 1e6}}}})
    monkeypatch.setattr(optuna, "__version__", "4.7.0")
    with pytest.raises(ConfigError, match=r"^s.yaml: search.constraints: need Optuna 5 or later"):
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
    assert "ulimit -v: a process may reserve 3.8 GB" in done.stderr
    assert "run 'ulimit -v unlimited' before the command" in done.stderr


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


def test_the_command_exits_with_2(tmp_path: Path) -> None:
    space = tiny.write(tmp_path, {**tiny.STUDY, "resources": {"cpu": 4096}})
    for option in ([], ["--dry-run"]):
        code, output = tiny.command("--space", space, "--results", tmp_path / "r", *option)
        assert (code, "resources.cpu: one trial needs 4096 CPUs" in output) == (2, True)
