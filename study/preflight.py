"""Finds, without loading torch, what would go wrong before anything is trained.

`study.forecast.building` makes the checks that need torch: whether the networks can be built and
the data read.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna

from eisnn.config.datasets import DATASETS
from eisnn.config.trial import NUMERICS_VERSION, resolved
from eisnn.errors import ConfigError
from study import store
from study.execution import loggers
from study.forecast import machine
from study.plan import Arm, Plan, incomparable, plan_record

# The address space that a worker reserves at most: 5.8 GB were seen, and 6 GB were too few.
ADDRESS_SPACE = 8 * 2**30


def check(plan: Plan, where: str, *, folder: Path | None = None, here: bool = True) -> None:
    """Refuses a study that cannot run as it is.

    ``folder`` is the study's folder, whose results must be comparable; ``here`` says that trials
    run on this machine, not on a cluster with its own resources.

    Raises:
        ConfigError: one line per problem, each with its key.
    """
    loggers.check(plan.spec.loggers, where)
    found = [*_equal_arms(plan), *_search(plan), *_pruner(plan), *_data(plan)]
    if here:
        found += _resources(plan)
    if folder is not None:
        found += _mixed(plan, folder)
    if found:
        raise ConfigError("\n".join(f"{where}: {line}" for line in found))


def check_folder(plan: Plan, where: str, folder: Path) -> None:
    """Refuses to mix trials that cannot be compared.

    Raises:
        ConfigError: names what has changed.
    """
    for problem in _mixed(plan, folder):
        raise ConfigError(f"{where}: {problem}")


def _mixed(plan: Plan, folder: Path) -> Iterator[str]:
    """Yields a problem if the folder's trials cannot be compared with those of the plan."""
    before = store.read_json(folder / "plan.json") or {}
    problem = incomparable(before, plan_record(plan))
    if problem is None or not any((folder / "trials").glob("*/state.json")):
        return
    commit = (store.read_json(folder / "environment.json") or {}).get("commit")
    if before.get("numerics") != NUMERICS_VERSION and commit:
        problem += f" (the folder's trials are of commit {commit})"
    yield (
        f"{problem}: results of {folder} would be mixed with incomparable ones; "
        "give --fresh, which moves the old folder aside, or a new --name"
    )


# ---- arms


def _equal_arms(plan: Plan) -> Iterator[str]:
    """Yields a problem for each arm that would train the same trials as another one."""
    seen: dict[str, Arm] = {}
    for arm in plan.arms:
        first = seen.setdefault(_content(plan, arm), arm)
        if first is arm:
            continue
        if arm.role == "ablation" and first.role == "reference":
            factors = "+".join(arm.factors)
            changes = ", ".join(f"{path}: {value}" for path, value in arm.overrides.items())
            yield (
                f"ablation.factors.{factors}: changes nothing: {first.name} already has {changes}; "
                "give the override that takes the factor away"
            )
        else:
            yield f"{_key(arm)}: is the same network as {first.name}; remove one of the two"


def _content(plan: Plan, arm: Arm) -> str:
    """Returns a text that is equal for arms that train the same trials.

    Without a search, an arm's parameters keep the values of its config.
    """
    if arm.tuned or plan.spec.tune == "reference":
        return plan.contents[arm.name]
    return repr(resolved(arm.config({}, 0)))


def _key(arm: Arm) -> str:
    if arm.role == "ablation":
        return "ablation.factors." + "+".join(arm.factors)
    return f"baselines.{arm.name}"


# ---- the search


def _search(plan: Plan) -> Iterator[str]:
    search = plan.spec.search
    if search is None or not plan.spec.tuned:
        return
    if search.sampler == "cmaes" and importlib.util.find_spec("cmaes") is None:
        yield (
            "search.sampler: cmaes needs the package cmaes, which is not installed; "
            "pip install 'eisnn-study[cmaes]' (pip install -e '.[cmaes]' in a checkout)"
        )
    if search.constraints and int(optuna.__version__.split(".")[0]) < 5:
        yield (
            f"search.constraints: need Optuna 5 or later, this is {optuna.__version__}; "
            "pip install 'optuna>=5'"
        )
    if search.from_ is not None and not (Path(search.from_) / "trials.csv").is_file():
        yield f"search.from: must be a study's folder with a trials.csv, given {search.from_}"


def _pruner(plan: Plan) -> Iterator[str]:
    """Yields a problem if the pruner could never stop a trial."""
    search = plan.spec.search
    if search is None or not plan.spec.tuned or search.pruner.type == "none":
        return
    pruner = search.pruner
    epochs = max(plan.epochs(arm) for arm in plan.arms if arm.tuned)
    if pruner.grace_epochs >= epochs:
        yield (
            f"search.pruner.grace_epochs: must be below the {epochs} epochs of a trial, or nothing "
            f"is ever stopped, given {pruner.grace_epochs}"
        )
    if pruner.type == "median" and pruner.startup_trials >= search.trials:
        yield (
            f"search.pruner.startup_trials: must be below search.trials ({search.trials}), or "
            f"nothing is ever stopped, given {pruner.startup_trials}"
        )
    if pruner.type == "asha" and search.trials < pruner.reduction_factor:
        yield (
            f"search.pruner.reduction_factor: must be at most search.trials ({search.trials}), or "
            f"nothing is ever stopped, given {pruner.reduction_factor}"
        )


# ---- data and machine


def _data(plan: Plan) -> Iterator[str]:
    """Yields a problem if the study asks for more images than a known dataset has."""
    data = plan.reference.config({}, 0).data
    known = DATASETS.get(data.name)
    if known is None:
        return
    for name, given, there in (
        ("train_size", data.train_size, known.train_images),
        ("test_size", data.test_size, known.test_images),
    ):
        if given is not None and given > there:
            yield f"data.{name}: {data.name} has {there:,} such images, given {given:,}"


def _resources(plan: Plan) -> Iterator[str]:
    resources = plan.spec.resources
    address_space = machine.address_space_bytes()
    if address_space is not None and address_space < ADDRESS_SPACE:
        yield (
            f"ulimit -v: a process may reserve {address_space / 2**30:.1f} GB of addresses here, "
            f"and Ray and torch reserve up to {ADDRESS_SPACE / 2**30:.0f} GB, although they use "
            "little of it; run 'ulimit -v unlimited' before the command, and limit the memory of "
            "trials with resources.memory_gb"
        )
    cpus, gpus = machine.cpus(), _gpus()
    if resources.cpu > cpus:
        yield (
            f"resources.cpu: one trial needs {resources.cpu:g} CPUs and this machine has {cpus}; "
            "ask for fewer, or give the --address of a cluster"
        )
    memory = machine.memory_bytes() / 2**30
    if resources.memory_gb is not None and resources.memory_gb > memory and not gpus:
        yield (
            f"resources.memory_gb: one trial needs {resources.memory_gb:g} GB and this machine "
            f"has {memory:.1f}; ask for less, or give the --address of a cluster"
        )
    asked: dict[str, Any] = {"resources.gpu": resources.gpu}
    asked |= {f"resources.arms.{name}.gpu": arm.gpu for name, arm in resources.arms.items()}
    for key, share in asked.items():
        if share != "auto" and share > gpus:
            yield (
                f"{key}: one trial needs {share:g} GPUs and this machine has {gpus}; "
                "give auto or 0, or the --address of a cluster"
            )


def _gpus() -> int:
    """Returns how many NVIDIA GPUs this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
