"""What earlier runs left in a study's folder, taken up: ends are told to Optuna, open trials wait to be gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study import store
from study.agenda.agenda import Agenda, Job
from study.plan import Arm
from study.search.arm_search import ArmSearch
from study.worker.trial import PATIENCE


@dataclass
class Diff:
    """How the folder differs from the plan, in trials."""

    new: int = 0
    kept: int = 0
    retired: int = 0
    damaged: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return f"+{self.new} new  ={self.kept} kept  -{self.retired} retired"


def recover(agenda: Agenda) -> Diff:
    """Brings the agenda up to what the folder knows, and says how the folder differs from the plan."""
    diff = Diff()
    for arm in agenda.plan.arms:
        if arm.name in agenda.searches:
            _recover_search(agenda, arm, agenda.searches[arm.name], diff)
    for arm in agenda.plan.arms:
        agenda.choose(arm)
    replicates = [job for arm in agenda.plan.arms for job in agenda.replicates(arm)]
    for job in replicates:
        if (state := agenda.settled(job)) is not None:
            agenda.record(job, state)
        else:
            diff.damaged += store.set_damaged_aside(store.trial_folder(agenda.folder, job.id))
    asked = {row["id"] for row in agenda.tables.rows.values()} | {
        job.id for job in [*agenda.waiting, *replicates]
    }
    known = {
        path.name
        for path in (agenda.folder / "trials").glob("*")
        if (path / "config.yaml").exists()
    }
    diff.kept, diff.retired = len(known & asked), len(known - asked)
    begun = sum(job.id in known and job.key not in agenda.tables.rows for job in replicates)
    total = sum(agenda.plan.search_trials(arm) for arm in agenda.plan.arms) + len(
        agenda.plan.arms
    ) * len(agenda.plan.seeds)
    diff.new = max(0, total - len(agenda.tables.rows) - len(agenda.waiting) - begun)
    return diff


def _recover_search(agenda: Agenda, arm: Arm, search: ArmSearch, diff: Diff) -> None:
    if not search.adopted:
        _adopt(agenda, arm, search)
    for proposal in search.load():
        agenda.proposals[arm.name][proposal.number] = proposal
        if proposal.id is None:
            search.tell(proposal.number, "failed", {}, "these values do not go together")
            continue
        job = agenda.search_job(arm, proposal)
        state = agenda.settled(job)
        if state is None and proposal.stopped_at is not None and not proposal.told:
            state = _pruned(agenda, job, proposal.stopped_at)
        if state is not None:
            agenda.record(job, state)
            continue
        diff.damaged += store.set_damaged_aside(store.trial_folder(agenda.folder, job.id))
        agenda.waiting.append(job)


def _pruned(agenda: Agenda, job: Job, epoch: int) -> dict[str, Any] | None:
    """`Agenda.pruned`, once no orphan of a killed run writes in the trial's folder."""
    folder = store.trial_folder(agenda.folder, job.id)
    if not folder.exists():
        return None
    with store.lock_trial(folder, PATIENCE):
        return agenda.pruned(job, epoch)


def _adopt(agenda: Agenda, arm: Arm, search: ArmSearch) -> None:
    """A search without a history takes over the finished trials that the folders hold for this arm, in their order."""
    found = {}
    for path in (agenda.folder / "trials").glob("*/state.json"):
        state = store.finished_state(path.parent, tested=False)
        for role in state["roles"] if state else ():
            if (
                role["arm"] == arm.name
                and role["kind"] == "search"
                and arm.holds(role["parameters"])
            ):
                found[role["number"]] = (path.parent, state, role["parameters"])
    there = {trial.user_attrs.get("id") for trial in search.optuna.get_trials(deepcopy=False)}
    for _, (folder, state, parameters) in sorted(found.items()):
        if search.identity(parameters) == folder.name and folder.name not in there:
            history = store.read_history(folder) or []
            values = {
                int(row["epoch"]): row[agenda.metric_of(row)]
                for row in history
                if agenda.metric_of(row) in row
            }
            search.adopt(parameters, folder.name, state or {}, values)
    search.set_adopted()
