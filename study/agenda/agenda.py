"""What is to be trained next over all arms, and what came of it: the plan minus the store, kept current while trials run.

Knows neither Ray nor processes: `study.execution.execute` asks for jobs and says how they end. Each end is durable in the trial's folder
before Optuna is told, and told before the next question depends on it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eisnn.config.trial import TrialConfig, resolved, trial_id
from eisnn.config.yaml_file import ConfigError
from study import store
from study.agenda.limits import senseless, used_up
from study.plan import Arm, Plan
from study.search.arm_search import ArmSearch, Proposal
from study.store.tables import Key, Tables, row_of
from study.worker.trial import last_metrics


@dataclass(frozen=True)
class Job:
    """One trial to train: the role that asks for it, and everything a worker needs."""

    id: str
    arm: str
    kind: str  # search | replicate
    number: int
    seed: int
    parameters: dict[str, Any]
    config: dict[str, Any]
    stopped_at: int | None = None
    alone: bool = False  # nothing else may run: it ran out of memory in company
    repeat: bool = False  # train although an outcome is on disk

    @property
    def key(self) -> Key:
        return (self.arm, self.kind, self.number)

    @property
    def role(self) -> dict[str, Any]:
        return {
            "arm": self.arm,
            "kind": self.kind,
            "number": self.number,
            "parameters": self.parameters,
        }


class Agenda:
    """The study's open and closed questions."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        searches: Mapping[str, ArmSearch],
        spent_seconds: float = 0.0,
    ) -> None:
        self.folder, self.plan, self.searches = folder, plan, dict(searches)
        self.tables = Tables(folder, [arm.name for arm in plan.arms], list(plan.spec.parameters))
        self.waiting: list[Job] = []  # to be gone on with, or repeated, before anything new
        self.running: dict[str, Job] = {}
        self.followers: dict[str, list[Job]] = {}  # other roles of a trial that runs
        self.chosen: dict[str, Proposal | None] = {}  # of arms whose search has ended
        self.proposals: dict[str, dict[int, Proposal]] = {arm.name: {} for arm in plan.arms}
        self.given: set[Key] = set()  # replicates handed out or ended
        self.configs: dict[str, TrialConfig] = {}  # of the chosen ones, validated once
        self.listed: dict[tuple[str, str, str], int] = {}  # arm, kind, id -> number of its row
        self.fatal: str | None = None  # why the study must stop
        self.budget_note: str | None = None
        self.new_epochs = 0
        self.spent_seconds = spent_seconds
        self.ended_here: list[dict[str, Any]] = []
        self.concurrency = 1
        self.deaths: Counter[str] = Counter()  # of workers, by trial
        self.untold: dict[Key, Mapping[str, Any]] = {}

    # ---- jobs

    def settled(self, job: Job) -> dict[str, Any] | None:
        """The final state that is on disk for a job, unless it is to be tried once more."""
        state = store.finished_state(
            store.trial_folder(self.folder, job.id), tested=job.kind == "replicate"
        )
        if state is None or (state["state"] == "pruned" and job.kind == "replicate"):
            return None
        retry = state["state"] == "out_of_memory" and self.plan.spec.retry.out_of_memory > 0
        return None if retry and not state.get("alone") else state

    def search_job(self, arm: Arm, proposal: Proposal) -> Job:
        assert proposal.id is not None
        seed = self.searches[arm.name].search.seed
        config = resolved(arm.config(proposal.parameters, seed))
        job = Job(
            proposal.id,
            arm.name,
            "search",
            proposal.number,
            seed,
            proposal.parameters,
            config,
            proposal.stopped_at,
        )
        return self._with_company(job)

    def _with_company(self, job: Job) -> Job:
        state = store.read_state(store.trial_folder(self.folder, job.id))
        again = (
            state is not None and state["state"] in store.FINAL_STATES and self.settled(job) is None
        )
        alone = state is not None and state["state"] == "out_of_memory"
        return replace(job, repeat=again, alone=alone) if again else job

    def replicates(self, arm: Arm) -> Iterator[Job]:
        """The arm's replicates, once its configuration is chosen."""
        proposal = self.chosen.get(arm.name)
        if proposal is None:
            return
        for index in range(len(self.plan.seeds)):
            yield self._replicate(arm, proposal, index)

    def _replicate(self, arm: Arm, proposal: Proposal, index: int) -> Job:
        seed = self.plan.seeds[index]
        if arm.name not in self.configs:
            self.configs[arm.name] = arm.config(proposal.parameters, 0)
        config = self.configs[arm.name].model_copy(update={"seed": seed})
        return Job(
            trial_id(config),
            arm.name,
            "replicate",
            index,
            seed,
            proposal.parameters,
            resolved(config),
        )

    def next(self) -> Job | None:
        """The next trial to train, or None: nothing can start before another one ends (or `finished`)."""
        if self.fatal or any(job.alone for job in self.running.values()):
            return None
        while (job := self._candidate()) is not None:
            started = self._start(job)
            if started is not None:
                return started
        return None

    def _candidate(self) -> Job | None:
        for index, job in enumerate(self.waiting):
            if not job.alone or not self.running:
                return self.waiting.pop(index)
        if any(job.alone for job in self.waiting):
            return None  # let the others end first
        if self.out_of_budget(replicates=True):
            return None
        searching = not self.out_of_budget(replicates=False)
        if not searching:
            for arm in self.plan.arms:
                self.choose(arm)
        for index in range(len(self.plan.seeds)):
            for arm in self.plan.arms:
                proposal = self.chosen.get(arm.name)
                if proposal is not None and (arm.name, "replicate", index) not in self.given:
                    self.given.add((arm.name, "replicate", index))
                    return self._with_company(self._replicate(arm, proposal, index))
        return self._ask() if searching else None

    def _ask(self) -> Job | None:
        """The next proposal of the arm that has had fewest: all arms come forward together."""
        flying = Counter(job.arm for job in self.running.values() if job.kind == "search")
        open_arms = [
            name
            for name, search in self.searches.items()
            if search.count < search.budget and name not in self.chosen
        ]
        for name in sorted(open_arms, key=lambda name: (flying[name], self.searches[name].count)):
            while (proposal := self.searches[name].ask()) is not None:
                self.proposals[name][proposal.number] = proposal
                if proposal.id is not None:
                    return self.search_job(self.plan.by_name[name], proposal)
                self.searches[name].tell(
                    proposal.number, "failed", {}, "these values do not go together"
                )
            self.choose(self.plan.by_name[name])
        return None

    def _start(self, job: Job) -> Job | None:
        """The job to train, or None if its outcome is known, or will be when the same trial of another role ends."""
        if job.id in self.running:
            self.followers.setdefault(job.id, []).append(job)
            return None
        state = self.settled(job)
        if state is not None:
            self.record(job, state)
            self.choose(self.plan.by_name[job.arm])
            return None
        self.running[job.id] = job
        self.tables.put(job.key, row_of(job.key, self._running_state(job), job.parameters))
        return job

    def _running_state(self, job: Job) -> dict[str, Any]:
        state = store.read_state(store.trial_folder(self.folder, job.id)) or {}
        return {
            "id": job.id,
            "seed": job.seed,
            "state": "running",
            "epochs": 0,
            "retries": 0,
            "started": state.get("started"),
        }

    # ---- news of a job

    def epoch(self, job: Job, row: Mapping[str, Any]) -> bool:
        """Takes note of an epoch; True if the trial is to stop: the pruner's word, now or before a crash."""
        if self.tables.add_epoch(job.id, row):
            self.new_epochs += 1
        epoch = int(row["epoch"])
        self.tables.put(
            job.key,
            {"epochs": self.tables.epochs(job.id), "seconds_per_epoch": self._pace(job, row)},
        )
        value = row.get(self.metric_of(row))
        if job.kind != "search" or value is None:
            return False
        if self.plan.spec.metric.name == "val/accuracy_best":
            value = max(float(value), self._best_before(job, epoch))
        stop = self.searches[job.arm].should_stop(job.number, epoch, float(value))
        if stop:
            self.running[job.id] = replace(job, stopped_at=epoch)
        return stop

    def _pace(self, job: Job, row: Mapping[str, Any]) -> float:
        """The trial's mean seconds per epoch so far, for estimates: the trial itself measures it when it ends."""
        before = self.tables.rows[job.key].get("seconds_per_epoch") or 0.0
        return float(before + (row["seconds"] - before) / int(row["epoch"]))

    def metric_of(self, row: Mapping[str, Any]) -> str:
        return "val/loss" if self.plan.spec.metric.name == "val/loss" else "val/accuracy"

    def _best_before(self, job: Job, epoch: int) -> float:
        rows = store.read_history(store.trial_folder(self.folder, job.id)) or []
        return max((row.get("val/accuracy", 0.0) for row in rows[: epoch - 1]), default=0.0)

    def end(
        self, job: Job, outcome: Mapping[str, Any] | None, error: str | None = None
    ) -> dict[str, Any]:
        """Records how a job ended. ``error`` is what Ray says of a worker that died once too often."""
        job = self.running.pop(job.id, job)
        folder = store.trial_folder(self.folder, job.id)
        state = (
            store.finished_state(folder, tested=job.kind == "replicate")
            if not job.repeat
            else store.read_state(folder)
        )
        if job.stopped_at is not None:
            state = self.pruned(job, job.stopped_at) or state
        if state is None or state["state"] not in store.FINAL_STATES:
            reason = error or "the worker ended without an outcome"
            if not outcome and self.deaths[job.id] < self.plan.spec.retry.dead_worker:
                self.deaths[job.id] += 1
                return self._once_more(job, reason)
            state = dict(outcome) if outcome else self._failed(job, reason, "dead_worker")
        if (
            state["state"] == "out_of_memory"
            and not job.alone
            and self.plan.spec.retry.out_of_memory
        ):
            return self._once_more(replace(job, alone=True, repeat=True), state["reason"])
        self.record(job, state)
        for other in self.followers.pop(job.id, []):
            self.record(other, state)
            self.choose(self.plan.by_name[other.arm])
        self.choose(self.plan.by_name[job.arm])
        self.ended_here.append(
            {name: state.get(name) for name in ("state", "cause", "reason", "tail")}
        )
        self.fatal = self.fatal or senseless(self.ended_here, self.plan.spec.max_failed)
        return state

    def _once_more(self, job: Job, reason: str) -> dict[str, Any]:
        """Puts a job in front of what waits: its worker died, or it shall run alone."""
        self.waiting.insert(0, job)
        self.tables.put(job.key, {"state": "interrupted", "reason": reason})
        return {
            "id": job.id,
            "state": "interrupted",
            "reason": reason,
            "metrics": {},
            "epochs": self.tables.epochs(job.id),
        }

    def record(self, job: Job, state: Mapping[str, Any]) -> None:
        """The end of a job into the tables and, for a search trial, into Optuna."""
        if (
            self.listed.setdefault((job.arm, job.kind, job.id), job.number) == job.number
        ):  # proposed twice: listed once
            self.tables.put(job.key, row_of(job.key, state, job.parameters))
        if self.tables.epochs(job.id) != state["epochs"]:
            self.tables.set_epochs(
                job.id, store.read_history(store.trial_folder(self.folder, job.id)) or []
            )
        if job.kind == "search":
            if state.get("again"):
                self.untold[job.key] = (
                    state  # the next attempt may succeed: Optuna hears of it when the run ends
                )
            else:
                self.searches[job.arm].tell(
                    job.number, state["state"], state["metrics"], state.get("reason")
                )
            if state["state"] != "running":
                (store.trial_folder(self.folder, job.id) / "checkpoint.pt").unlink(missing_ok=True)
        else:
            self.given.add(job.key)

    def pruned(self, job: Job, epoch: int) -> dict[str, Any] | None:
        """Writes the state of a trial that the pruner stopped; None if its history does not reach that epoch."""
        folder = store.trial_folder(self.folder, job.id)
        rows = (store.read_history(folder) or [])[:epoch]
        if len(rows) < epoch:
            return None
        before = store.read_state(folder) or {"started": None, "retries": 0, "environment": None}
        state = {
            **{name: before.get(name) for name in ("started", "retries", "environment", "damaged")}, "id": job.id, "state": "pruned",
            "reason": f"behind the others at epoch {epoch}", "test": False, "roles": [job.role], "seed": job.seed,
            "epochs": epoch, "metrics": last_metrics(rows), "finished": store.now(), "alone": job.alone,
        }  # fmt: skip
        store.write_history(folder, rows)
        store.write_state(folder, state)
        return state

    def _failed(self, job: Job, reason: str, cause: str) -> dict[str, Any]:
        folder = store.trial_folder(self.folder, job.id)
        folder.mkdir(parents=True, exist_ok=True)
        rows = store.read_history(folder) or []
        before = store.read_state(folder) or {"started": store.now(), "retries": 0}
        state = {
            **before, "id": job.id, "state": "failed", "reason": reason, "cause": cause, "test": job.kind == "replicate",
            "roles": [job.role], "seed": job.seed, "epochs": len(rows), "metrics": last_metrics(rows),
            "finished": store.now(), "again": True, "tail": reason,
        }  # fmt: skip
        store.write_state(folder, state)
        return state

    def close(self) -> None:
        """The end of a run: failures of the surroundings are told to Optuna too, so that none is left RUNNING."""
        for (arm, _, number), state in self.untold.items():
            self.searches[arm].tell(number, state["state"], {}, state.get("reason"))
        self.untold.clear()

    # ---- choosing

    def choose(self, arm: Arm) -> None:
        """Fixes an arm's configuration once its search has ended: see `best`; ties go to the lowest number."""
        if arm.name in self.chosen:
            return
        if arm.tuned:
            if self._search_open(arm.name):
                return
            self.chosen[arm.name] = self.best(arm.name)
            if arm.role == "reference":
                for other in self.plan.arms:
                    self.choose(other)
        elif self.plan.spec.tune == "reference" and self.plan.reference.tuned:
            if self.plan.reference.name in self.chosen:
                self.chosen[arm.name] = self._borrowed(arm)
        else:
            self.chosen[arm.name] = Proposal(-1, {}, None)

    def _search_open(self, name: str) -> bool:
        search = self.searches[name]
        busy = any(
            job.arm == name and job.kind == "search"
            for job in [*self.running.values(), *self.waiting]
        )
        busy = busy or any(
            job.arm == name and job.kind == "search"
            for jobs in self.followers.values()
            for job in jobs
        )
        return busy or (search.count < search.budget and not self.out_of_budget(replicates=False))

    def best(self, name: str) -> Proposal | None:
        """The completed search trial with the best metric so far; where none completed, the one that came furthest in it before it was
        stopped or diverged (the first of those that reported nothing), so that its replicates show whether the failure holds over seeds."""
        metric = self.plan.spec.metric
        sign = 1 if metric.mode == "max" else -1
        rows = [row for key, row in self.tables.rows.items() if key[:2] == (name, "search")]
        completed = [
            row for row in rows if row["state"] == "completed" and row.get(metric.name) is not None
        ]
        candidates = completed or [row for row in rows if row["state"] in ("pruned", "diverged")]
        if not candidates:
            return None

        def rank(row: Mapping[str, Any]) -> tuple[float, int]:
            value = row.get(metric.name)
            return (math.inf if value is None else -sign * value, row["number"])

        return self.proposals[name][min(candidates, key=rank)["number"]]

    def _borrowed(self, arm: Arm) -> Proposal | None:
        """``tune: reference``: the reference's values where this arm has them."""
        proposal = self.chosen[self.plan.reference.name]
        if proposal is None:
            return None
        values = {path: value for path, value in proposal.parameters.items() if path in arm.space}
        try:
            arm.config(values, 0)
        except ConfigError as error:
            self.fatal = f"{error}"
            return None
        return Proposal(-1, values, None)

    def out_of_budget(self, *, replicates: bool) -> bool:
        """Whether the study may start nothing more; search leaves what the replicates are estimated to need."""
        note = used_up(
            self.plan, self.tables, self.spent_seconds, self.concurrency, replicates=replicates
        )
        self.budget_note = note or self.budget_note
        return note is not None

    # ---- progress

    @property
    def finished(self) -> bool:
        """Nothing runs, and nothing is left that could be started."""
        if self.running:
            return False
        if self.fatal:
            return True
        if self.waiting:
            return False
        if any(self._search_open(name) for name in self.searches):
            return False
        owed = [arm for arm in self.plan.arms if self.chosen.get(arm.name) is not None]
        complete = all(
            (arm.name, "replicate", index) in self.given
            for arm in owed
            for index in range(len(self.plan.seeds))
        )
        return complete or self.out_of_budget(replicates=True)
