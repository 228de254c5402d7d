"""``--reproduce ID``: trains one trial of a study again and compares every number."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eisnn.config.trial import load_config, resolved
from eisnn.errors import ConfigError
from eisnn.metrics import METRICS
from eisnn.surroundings import describe
from study import store
from study.execution.portion import Portion
from study.request import Request
from study.spec.models import Resources
from study.store.records import Order, Outcome, State
from study.worker import environment
from study.worker.gpu import look
from study.worker.trial import run


def reproduce(request: Request, identity: str) -> int:
    """Prints the comparison; returns 0 if every number is equal, 3 if not.

    Only reads the study's folder.
    """
    plan = request.plan()
    study = request.folder or request.results / plan.spec.name
    folder = store.trial_folder(study, identity)
    if not identity.isalnum() or not (folder / "config.yaml").exists():
        known = ", ".join(sorted(path.name for path in (study / "trials").glob("*"))[:8])
        raise ConfigError(
            f"--reproduce {identity}: no such trial in {study}; its trials: {known or 'none'}, ..."
        )
    before, history = store.finished_state(folder, tested=False), store.read_history(folder)
    if before is None or history is None:
        raise ConfigError(
            f"--reproduce {identity}: this trial has not ended; resume the study first"
        )
    portion = _portion(plan.spec.resources, before)
    with tempfile.TemporaryDirectory(prefix="eisnn-reproduce-") as temporary:
        order = Order(
            identity,
            resolved(load_config(folder / "config.yaml")),
            folder=str(Path(temporary) / identity),
            test=before.test,
            metrics={name: own.function for name, own in plan.spec.metrics.items()},
            folders=plan.folders,
            **asdict(portion),
        )
        rows: list[Mapping[str, Any]] = []
        after = run(order, rows.append)
    differences = [
        *_surroundings(study, before, after),
        *_epochs(history, rows),
        *_metrics(before, after),
    ]
    print(
        f"{identity}: {before.state} after {before.length}; "
        f"again: {after.state} after {after.length}"
    )
    different = any(not line.startswith("note") for line in differences)
    if not different:
        differences.append("every number is equal")
    print("\n".join(differences))
    return 3 if different else 0


def _portion(resources: Resources, before: Outcome) -> Portion:
    """Returns the trial's threads, and a whole GPU if the study shares GPUs between trials."""
    gpu = resources.gpu_of(before.roles[0].arm if before.roles else "")
    if gpu == "auto":
        gpu = 1.0 if look().problem is None else 0.0
    return Portion(before.threads or resources.cpu, float(gpu), resources.memory_gb)


def _surroundings(study: Path, before: Outcome, after: Outcome) -> list[str]:
    """Notes how this machine and code differ from then, which may explain a difference."""
    notes = []
    if before.path is not None and before.path != after.path:
        notes.append(f"note: the layers took another path: {before.path!r}, now {after.path!r}")
    then = environment.recorded(study, before.environment)
    if then is None:
        return notes
    now = describe()
    names = ["commit", "uncommitted_changes", "packages", "python", "cpu", "host"]
    names += ["kernels", "instructions"]
    # What an earlier version did not record counts as equal.
    different = [name for name in names if then.get(name, now[name]) != now[name]]
    return notes + [f"note: {name} differs from when it was trained" for name in different]


def _epochs(before: list[dict[str, float]], after: list[Mapping[str, Any]]) -> list[str]:
    lines = []
    for old, new in zip(before, after, strict=False):
        for name in _unequal(old, new):
            lines.append(f"epoch {old['epoch']:g}: {name} was {old[name]!r}, is {new.get(name)!r}")
    return lines


def _metrics(before: Outcome, after: Outcome) -> list[str]:
    if before.state == State.PRUNED:
        return []  # the pruner stopped it, so only its epochs can be compared
    lines = []
    if before.state != after.state:
        lines.append(f"state was {before.state}, is {after.state}: {after.reason}")
    old, new = before.metrics, after.metrics
    return lines + [
        f"{name} was {old[name]!r}, is {new.get(name)!r}" for name in _unequal(old, new)
    ]


def _unequal(old: Mapping[str, float], new: Mapping[str, Any]) -> list[str]:
    """Returns the names of the numbers that differ; ignores times."""
    names = [name for name in old if name not in METRICS or not METRICS[name].timed]
    return [name for name in names if not _equal(old[name], new.get(name))]


def _equal(one: float, other: Any) -> bool:
    return other is not None and (one == other or (math.isnan(one) and math.isnan(other)))
