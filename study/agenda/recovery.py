"""Restores the agenda from what earlier runs left in a study's folder.

Tells Optuna how trials ended, and queues the trials that have not ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from study import store
from study.agenda.agenda import Agenda
from study.agenda.job import Job
from study.plan import Plan
from study.search.arm_search import ArmSearch
from study.search.proposal import Proposal, Slot
from study.search.storage import close_phantoms, open_storage
from study.store.records import Key, Kind, Outcome


@dataclass
class Diff:
    """How the folder differs from the plan, in trials."""

    new: int = 0
    kept: int = 0
    retired: int = 0
    damaged: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return f"+{self.new} new  ={self.kept} kept  -{self.retired} retired"


@dataclass(frozen=True)
class Opened:
    """The agenda of a study's folder, and what opening the folder found."""

    agenda: Agenda
    diff: Diff
    aside: Path | None  # where an unreadable database is now


def open_agenda(folder: Path, plan: Plan) -> Opened:
    """Opens the agenda over what the folder holds. The caller holds the study's lock."""
    storage, aside = open_storage(folder, plan)
    searches = {
        (arm.name, repeat): ArmSearch(storage, plan, arm, repeat)
        for repeat in range(plan.repeats)
        for arm in plan.arms
        if arm.tuned
    }
    close_phantoms(storage, plan.search_names)
    clock = store.read_json(folder / "clock.json") or {}
    diff = Diff()

    def open_search(slot: Slot) -> None:
        """Opens the search of a further repeat, with the trials that earlier runs did for it."""
        arm, repeat = slot
        search = ArmSearch(storage, plan, plan.by_name[arm], repeat)
        agenda.searches[slot] = search
        _recover_search(agenda, slot, search, diff)

    agenda = Agenda(folder, plan, searches, open_search, float(clock.get("seconds", 0.0)))
    recover(agenda, diff)
    return Opened(agenda, diff, aside)


def recover(agenda: Agenda, diff: Diff) -> None:
    """Brings the agenda up to what the folder knows, and counts how the folder differs."""
    folders = list((agenda.folder / "trials").glob("*"))
    for slot, search in agenda.searches.items():
        _recover_search(agenda, slot, search, diff)
    agenda.choose()
    replicates: dict[Key, Job] = {}
    # The recorded outcomes may leave a verdict open, which asks for more replicates or repeats.
    while missing := [key for key in agenda.replicates.listed() if key not in replicates]:
        for key in missing:
            job = replicates[key] = agenda.replicates.job(key)
            if (outcome := agenda.outcomes.settled(job)) is not None:
                agenda.record(job, outcome)
            else:
                diff.damaged += store.set_damaged_aside(agenda.outcomes.place(job))
        agenda.choose()
    rows = agenda.tables.rows
    asked = {row["id"] for row in rows.values()}
    asked |= {job.id for job in [*agenda.queue.waiting, *replicates.values()]}
    known = {path.name for path in folders if (path / "config.yaml").exists()}
    diff.kept, diff.retired = len(known & asked), len(known - asked)
    begun = sum(job.id in known and key not in rows for key, job in replicates.items())
    planned = agenda.planned
    waiting = sum(job.role.seed_index == 0 or job.id in known for job in agenda.queue.waiting)
    diff.new = max(0, planned - len(rows) - waiting - begun)


def _recover_search(agenda: Agenda, slot: Slot, search: ArmSearch, diff: Diff) -> None:
    if not search.adopted:
        _adopt(agenda, slot, search)
    for proposal in search.load():
        agenda.choices.propose(slot, proposal)
        job: Job | None = agenda.searching.job(slot, proposal)
        while job is not None:
            job = _recover_trial(agenda, proposal, job, diff)


def _recover_trial(agenda: Agenda, proposal: Proposal, job: Job, diff: Diff) -> Job | None:
    """Records the trial's end, or queues the trial if it has none.

    Returns the next seed of the same configuration, if that should be trained too.
    """
    outcome = agenda.outcomes.settled(job)
    if outcome is None and proposal.stopped_at is not None and not proposal.told:
        outcome = _pruned(agenda, job, proposal.stopped_at)
    if outcome is not None:
        agenda.record(job, outcome)
        return agenda.searching.following(job, outcome)
    diff.damaged += store.set_damaged_aside(agenda.outcomes.place(job))
    agenda.resume(job)
    return None


def _pruned(agenda: Agenda, job: Job, epoch: int) -> Outcome | None:
    """Calls `Outcomes.pruned` once no orphan of a killed run writes in the trial's folder."""
    folder = agenda.outcomes.place(job)
    if not folder.exists():
        return None
    with store.lock_trial(folder, store.PATIENCE):
        return agenda.outcomes.pruned(job, epoch)


def _adopt(agenda: Agenda, slot: Slot, search: ArmSearch) -> None:
    """Gives a search that has lost its history the finished trials from the folders."""
    arm = agenda.plan.by_name[slot[0]]
    found: dict[int, tuple[Outcome, dict[str, object]]] = {}
    for path in (agenda.folder / "trials").glob("*/state.json"):
        outcome = store.finished_state(path.parent, tested=False)
        for role in outcome.roles if outcome else ():
            here = (role.arm, role.repeat) == slot and role.kind == Kind.SEARCH
            if outcome and here and not role.seed_index and arm.holds(role.parameters):
                found[role.number] = (outcome, dict(role.parameters))
    there = {trial.user_attrs.get("id") for trial in search.optuna.get_trials(deepcopy=False)}
    metric = agenda.searching.metric_of_epochs
    for _, (outcome, parameters) in sorted(found.items(), key=lambda item: item[0]):
        if search.identity(parameters) != outcome.id or outcome.id in there:
            continue
        rows = store.read_history(store.trial_folder(agenda.folder, outcome.id)) or []
        values = {int(row["epoch"]): row[metric] for row in rows if metric in row}
        search.adopt(parameters, outcome, values)
    search.set_adopted()
