"""``--dry-run``: the arms, the trials, their cost, and what the design can show. Trains nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna

from eisnn.errors import ConfigError
from study import preflight, store
from study.agenda.ledger import Ledger
from study.agenda.recovery import Diff, open_agenda
from study.forecast import building, design, disk, machine
from study.forecast import time as estimate
from study.plan import Arm, Plan, Wanted, own_code
from study.plan.family import looks_of
from study.store.tables import Tables


def dry_run(plan: Plan, folder: Path, *, here: bool = True) -> Iterator[str]:
    """Yields the printed text in pieces, since trying the networks takes longer than the plan.

    ``folder`` is the study's folder. Its trials so far show how long an epoch takes and how much
    seeds differ.

    Raises:
        ConfigError: the study cannot run as it is; the plan has been shown by then.
    """
    rows = _rows(plan, folder)
    lines = [*_arms(plan), *own_code.notes(plan), "", *_trials(plan), *time_left(plan, rows)]
    yield "\n".join([*lines, *_budget(plan, rows, folder), *_difference(plan, folder)])
    sizes = building.begin(plan, download=False, here=here)
    yield "\n".join(["", *design.shown(plan, rows)])
    problems: list[str] = []
    for check in (lambda: preflight.check(plan, plan.where, folder=folder, here=here), sizes):
        try:
            check()
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    yield disk.text(plan, folder, rows, sizes())


def _rows(plan: Plan, folder: Path) -> dict[store.Key, dict[str, Any]]:
    """Returns the rows of ``trials.csv`` that belong to the plan's arms; missing cells are None."""
    frame = store.trials_frame(folder).astype(object)
    records = frame.where(frame.notna(), None).to_dict("records")
    rows: dict[store.Key, dict[str, Any]] = {}
    for row in records:
        if row["arm"] in plan.by_name:
            index = int(row.get("seed_index") or 0)
            key = store.Key(row["arm"], row["kind"], int(row["repeat"]), int(row["number"]), index)
            rows[key] = {str(name): value for name, value in row.items()}
    return rows


# ---- the plan


def _arms(plan: Plan) -> list[str]:
    lines = [f"{plan.spec.name}: {len(plan.arms)} arms"]
    for arm in plan.arms:
        change = ", ".join(f"{path}: {value}" for path, value in arm.overrides.items())
        with_change = f" with {change}" if change else ""
        lines.append(f"  {arm.name} ({arm.role}): {arm.base}{with_change}")
        lines += [f"    {line}" for line in _space(plan, arm)]
    return lines


def _space(plan: Plan, arm: Arm) -> list[str]:
    if arm.tuned:
        lines = [f"searches {', '.join(arm.space)}"]
    elif plan.spec.tune == "reference" and plan.spec.tuned:
        paths = ", ".join(arm.space) or "nothing"
        lines = [f"takes the values chosen for {plan.reference.name} for {paths}"]
    elif plan.spec.tuned:
        lines = ["is not searched: it has no parameter to search"]
    else:
        lines = ["is not searched: tune: none, or no search"]
    return lines + [f"without {path}: {why}" for path, why in arm.left_out.items()]


def _trials(plan: Plan) -> list[str]:
    each = {arm.name: plan.search_trials(arm) + len(plan.seeds) for arm in plan.arms}
    epochs = plan.repeats * sum(each[arm.name] * plan.epochs(arm) for arm in plan.arms)
    tuned = [arm for arm in plan.arms if arm.tuned]
    repeats = each_repeat = early = most = ""
    if plan.repeats > 1:
        repeats, each_repeat = f" x {plan.repeats} repeats", " each"
    if plan.spec.search and tuned and plan.spec.search.pruner.type != "none":
        early, most = f", stopped early by {plan.spec.search.pruner.type}", " at most"
    seeds = "one training seed"
    if plan.search_seeds > 1:
        seeds = f"{plan.search_seeds} training seeds per configuration"
    lines = [
        f"search: {plan.total_search} trials ({len(tuned)} arms{repeats}), "
        f"{seeds}{each_repeat}{early}",
        f"replicates: {plan.total_replicates} trials ({len(plan.arms)} arms x "
        f"{len(plan.seeds)} seeds{repeats}), each measured on the test set once",
        f"together: {plan.trials} trials, {epochs:,} epochs{most}",
    ]
    return lines + _until_decided(plan) + _uneven(plan, tuned)


def _until_decided(plan: Plan) -> list[str]:
    """Says how many trials ``until: decided`` may add while verdicts are open."""
    looks = len(looks_of(plan))
    if looks < 2:
        return []
    largest = Wanted.planned(plan)
    if plan.grows_by_repeats:
        what = f"{plan.most_repeats} repeats"
        largest = replace(largest, repeats=dict.fromkeys(plan.by_name, plan.most_repeats))
    else:
        most = plan.spec.replicate.largest
        what, largest = f"{most} seeds", replace(largest, seeds=dict.fromkeys(plan.by_name, most))
    return [
        f"until decided: arms whose verdict is open get up to {what}; {looks} looks share alpha, "
        f"and the study has at most {largest.trials(plan)} trials"
    ]


def _uneven(plan: Plan, tuned: list[Arm]) -> list[str]:
    """Notes that searches differ in length, if some spaces have fewer points than the budget."""
    counts = {plan.proposals(arm) for arm in tuned}
    if len(counts) < 2:
        return []
    sizes = ", ".join(map(str, sorted(counts)))
    return [f"note: the grids differ in size ({sizes} points), and so do the searches"]


def time_left(plan: Plan, rows: estimate.Rows) -> list[str]:
    """Says how long an epoch of each arm takes, and how long the study still needs."""
    pace = estimate.paces(plan, rows)
    if pace is None:
        return ["time: no measurement yet; repeat this command after the first trials"]
    measured = {name: item for name, item in pace.items() if item.trials}
    known = [f"{name} {item.seconds:.3g} s ({item.trials})" for name, item in measured.items()]
    lines = ["an epoch takes (mean over so many trials): " + ", ".join(known)]
    missing = [name for name in pace if name not in measured]
    if missing:
        lines.append(f"  not measured, assumed as slow as the slowest: {', '.join(missing)}")
    at_once = _at_once(plan)
    one = estimate.seconds_left(plan, rows, {}, 1) or 0.0
    left = f"left: {estimate.duration(one)} with one trial at a time"
    if at_once > 1:
        many = estimate.seconds_left(plan, rows, {}, at_once) or 0.0
        left += f", {estimate.duration(many)} with {at_once} at once (the CPUs of this machine)"
    return [*lines, left]


def _at_once(plan: Plan) -> int:
    return max(1, int(machine.cpus() / plan.spec.resources.cpu))


# ---- the budget, and the folder


def _budget(plan: Plan, rows: dict[store.Key, dict[str, Any]], folder: Path) -> list[str]:
    """Says how many trials fit into the budget, estimated from the trials so far."""
    budget = {name: limit for name, limit in plan.spec.budget if limit is not None}
    if not budget:
        return []
    words = ", ".join(f"{limit:g} {name}" for name, limit in budget.items())
    tables = Tables(folder, [arm.name for arm in plan.arms], [])
    tables.rows = rows
    clock = store.read_json(folder / "clock.json") or {}
    ledger = Ledger(plan, tables, float(clock.get("seconds", 0.0)), _at_once(plan))
    ledger.epochs = sum(int(row["epochs"] or 0) for row in rows.values())
    if plan.spec.budget.hours is not None and ledger.pace is None:
        return [f"budget: {words}; what fits is known once trials have been timed"]
    target = ledger.target()
    if not ledger.fits(target):
        crossed = ledger.crossed([*ledger.searches(target), *ledger.replicates(target)])
        assert crossed is not None
        name, limit, needed = crossed
        return [
            f"budget: {words}: too small for one search trial and one seed of every arm, which "
            f"need {needed:.3g} {name} of the {limit:g}"
        ]
    return [
        f"budget: {words}: holds {target.searches} search trials and {target.seeds} seeds of every "
        f"arm, in {target.repeats} of {plan.repeats} repeats"
    ]


def _difference(plan: Plan, folder: Path) -> list[str]:
    """Says how the folder differs from the plan; looks at a copy without the checkpoints."""
    if not (folder / "trials").is_dir():
        return [f"+{plan.trials} new  =0 kept  -0 retired"]
    with tempfile.TemporaryDirectory(prefix="eisnn-dry-run-") as temporary:
        copy = Path(temporary) / "study"
        ignored = shutil.ignore_patterns("*.pt", ".*", "report", "log.txt", "*.damaged-*")
        shutil.copytree(folder, copy, ignore=ignored)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            diff: Diff = open_agenda(copy, plan).diff
        finally:
            optuna.logging.set_verbosity(verbosity)
    return [str(diff)]
