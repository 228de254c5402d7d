"""One run of a study, from its file to its end: the folder is locked, compared with the file, worked on, and left in order."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eisnn.config.yaml_file import ConfigError
from study import store
from study.agenda.agenda import Agenda
from study.agenda.limits import RayLost, Stopped, full
from study.agenda.recovery import recover
from study.execution import loggers
from study.execution.display import Display
from study.execution.execute import execute
from study.execution.progress import progress
from study.forecast import disk
from study.plan import Plan, incomparable, own_code, plan_record
from study.request import Request, digest_of, intact
from study.search.arm_search import ArmSearch
from study.search.storage import close_phantoms, open_storage, quiet
from study.worker import environment

DONE, OUR_FAULT, TRIALS_FAILED, INTERRUPTED = 0, 1, 3, 130
RAY_STARTS = 3  # Ray itself may die so often in one run


# ---- a run --------------------------------------------------------------------------------------------------------------


def run(
    request: Request,
    *,
    fresh: bool = False,
    max_concurrent: int | None = None,
    address: str | None = None,
) -> tuple[int, Path]:
    """Runs the study, or goes on with it; returns the exit code and the study's folder.

    Raises:
        ConfigError, StoreError: the input, or the folder, does not allow it; nothing was started.
    """
    plan = request.plan()
    loggers.check(plan.spec.loggers, request.where)
    folder = request.folder or request.results / plan.spec.name
    if fresh and (folder / "plan.json").exists():
        lock = store.lock_study(folder)
        print(f"the earlier study is now {store.move_aside(folder)}")
        lock.release()
    if not _is_ours(folder):
        raise store.StoreError(
            f"{folder}: is not empty and not a study's folder; give another --name or --results"
        )
    lock = store.lock_study(folder)
    try:
        return _locked(request, plan, folder, max_concurrent, address), folder
    finally:
        lock.release()


def _is_ours(folder: Path) -> bool:
    """Whether a study may use the folder: it is new, or a study's, be it one that was killed before its first file was whole."""
    if folder.exists() and not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return bool(names & {"plan.json", "owner.json"}) or all(
        name.startswith((".lock", ".owner.json.")) for name in names
    )


def _locked(
    request: Request, plan: Plan, folder: Path, max_concurrent: int | None, address: str | None
) -> int:
    record = plan_record(plan)
    for path in _unreadable(folder):
        print(f"damaged: set aside as {path}; it is written anew")
    before = store.read_json(folder / "plan.json")
    problem = incomparable(before or {}, record)
    if problem and any((folder / "trials").glob("*/state.json")):
        raise ConfigError(
            f"{request.where}: {problem}: results of {folder} would be mixed with incomparable ones; "
            "give --fresh, which moves the old folder aside, or a new --name"
        )
    (folder / "trials").mkdir(exist_ok=True)
    handler = _log_to(folder / "log.txt")
    try:
        disk.check(folder, 0)
        _write_inputs(request, plan, folder, record)
        agenda = _agenda(plan, folder, first=before is None)
        print("".join(f"{note}\n" for note in own_code.notes(plan)), end="")
        return _work(plan, folder, agenda, max_concurrent, address)
    except Stopped as stop:
        print(f"{stop}", file=sys.stderr)
        return TRIALS_FAILED
    finally:
        _stop_logging(handler)


def _unreadable(folder: Path) -> list[Path]:
    whole = intact(folder)
    aside = store.set_unreadable_aside(folder)
    return aside if whole else [*aside, store.set_aside(folder / "study.yaml")]


def _write_inputs(request: Request, plan: Plan, folder: Path, record: dict[str, Any]) -> None:
    store.remove_leftovers(folder)
    (folder / "ending.json").unlink(missing_ok=True)
    before, now = (
        digest_of(folder / "study.yaml"),
        hashlib.sha256(request.text.encode()).hexdigest(),
    )
    command = {
        "sets": request.sets, "smoke": request.smoke, "name": request.name, "bases": plan.bases, "folders": plan.folders,
        "digests": [now, before],
    }  # fmt: skip
    store.write_json(folder / "command.json", command)
    store.write_text(folder / "study.yaml", request.text)
    store.write_json(folder / "plan.json", record)


def _agenda(plan: Plan, folder: Path, *, first: bool) -> Agenda:
    """The agenda over what the folder holds; what is damaged or different is said."""
    storage, aside = open_storage(folder)
    if aside is not None:
        print(
            f"optuna.db could not be read: it is now {aside}, and is rebuilt from the trials' folders"
        )
    searches = {arm.name: ArmSearch(storage, plan, arm) for arm in plan.arms if arm.tuned}
    close_phantoms(storage, {search.optuna.study_name for search in searches.values()})
    clock = store.read_json(folder / "clock.json") or {}
    agenda = Agenda(folder, plan, searches, float(clock.get("seconds", 0.0)))
    diff = recover(agenda)
    for path in diff.damaged:
        print(f"damaged: set aside as {path}; its trial is repeated")
    if not first:
        print(diff)
    return agenda


def _work(
    plan: Plan, folder: Path, agenda: Agenda, max_concurrent: int | None, address: str | None
) -> int:
    if agenda.finished:
        store.clear_temporary()
        agenda.tables.write(now=True)
        print(f"{plan.spec.name} is complete: nothing to train")
        return _verdict(agenda)
    sizes = disk.weights(plan)
    key = environment.record(folder)
    for attempt in range(RAY_STARTS):
        clock = _Clock(folder, agenda, sizes)
        try:
            with Display() as display:
                execute(
                    agenda,
                    display,
                    environment=key,
                    max_concurrent=max_concurrent,
                    address=address,
                    on_tick=clock.tick,
                )
            return _verdict(agenda)
        except RayLost as lost:
            interrupt(agenda)
            if address or attempt + 1 == RAY_STARTS:  # a cluster is not ours to start again
                return _stopped(lost, folder)
            print(f"{lost}; starting it again", file=sys.stderr)
        except Stopped as stop:
            interrupt(agenda)
            return _stopped(stop, folder)
        except ConfigError:
            raise  # there is no such cluster
        except Exception as error:
            interrupt(agenda)
            if (ended := full(error)) is not None:
                return _stopped(ended, folder)
            logging.getLogger("study").exception("our fault")
            print(
                f"our fault: {type(error).__name__}: {error}; the traceback is in {folder / 'log.txt'}",
                file=sys.stderr,
            )
            return OUR_FAULT
        finally:
            with contextlib.suppress(OSError):
                clock.tick(now=True)
                agenda.tables.write(now=True)
        agenda = _agenda(plan, folder, first=False)
    raise AssertionError("not reached")


def _stopped(stop: Stopped, folder: Path) -> int:
    print(f"stopped: {stop}\ngo on with: python run_study.py --resume {folder}", file=sys.stderr)
    return INTERRUPTED if str(stop) in ("SIGINT", "SIGTERM") else TRIALS_FAILED


def interrupt(agenda: Agenda) -> None:
    """Marks what ran as interrupted, once its workers are gone."""
    for job in agenda.running.values():
        folder = store.trial_folder(agenda.folder, job.id)
        state = store.read_state(folder)
        if state is None or state["state"] == "running":
            with contextlib.suppress(store.StoreError, OSError), store.lock_trial(folder, 10.0):
                if state is not None:
                    rows = store.read_history(folder) or []
                    store.write_state(
                        folder, {**state, "state": "interrupted", "epochs": len(rows)}
                    )
            agenda.tables.put(job.key, {"state": "interrupted"})


class _Clock:
    """The study's working time over all its runs, for ``budget.hours``; a look at the disk as often: at the first tick for all that the
    study will leave there, then for what is at work."""

    def __init__(
        self, folder: Path, agenda: Agenda, sizes: Callable[[], Mapping[str, int]]
    ) -> None:
        self.sizes = sizes
        self.path, self.agenda, self.before = folder / "clock.json", agenda, agenda.spent_seconds
        self.start, self.saved = time.monotonic(), -math.inf

    def tick(self, *, now: bool = False) -> None:
        time_now = time.monotonic()
        self.agenda.spent_seconds = self.before + time_now - self.start
        due = time_now - self.saved >= 5.0
        if due and not now:
            plan, sizes = self.agenda.plan, self.sizes()
            keep = (
                disk.to_keep(plan, sizes, self.agenda.tables.rows) if math.isinf(self.saved) else 0
            )
            disk.check(self.path.parent, keep + disk.at_work(plan, sizes, self.agenda.concurrency))
        if due or now:
            store.write_json(self.path, {"seconds": round(self.agenda.spent_seconds, 1)})
            self.saved = time_now
        limit = self.agenda.plan.spec.budget.hours
        if (
            not now
            and limit is not None
            and self.agenda.spent_seconds > 3600 * limit
            and self.agenda.running
        ):
            raise Stopped(f"the budget of {limit:g} hours is used up; raise budget.hours")


def _verdict(agenda: Agenda) -> int:
    """Says what did not go well; the exit code of a study that has ended."""
    agenda.close()
    records = progress(agenda)
    rows = agenda.tables.rows.values()
    bad = [row for row in rows if row["state"] in ("failed", "out_of_memory")]
    for arm in agenda.plan.arms:
        if agenda.plan.seeds and agenda.chosen.get(arm.name) is None:
            print(f"{arm.name}: no search trial completed, so it has no configuration to replicate")
    note = agenda.budget_note + _unequal(agenda) if agenda.budget_note else None
    with contextlib.suppress(OSError):
        store.write_json(agenda.folder / "ending.json", {"budget": note})  # reports say it too
    if note:
        print(note)
    if bad:
        print(
            f"{len(bad)} of {sum(record.done for record in records)} trials failed; the first: {bad[0]['id']}: {bad[0]['reason']}"
        )
    return TRIALS_FAILED if bad else DONE


def _unequal(agenda: Agenda) -> str:
    """A budget that ends all searches together may do so one trial earlier in some arms: then that is said."""
    counts = {name: search.count for name, search in agenda.searches.items()}
    if len(set(counts.values())) < 2:
        return ""
    return (
        "; the searches are not equally long ("
        + ", ".join(f"{name} {count}" for name, count in counts.items())
        + " trials)"
    )


class _Log(logging.FileHandler):
    """``log.txt``; where the disk is full, what is lost is not complained of in the terminal line by line."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _log_to(path: Path) -> logging.Handler:
    handler = _Log(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    quiet(handler)
    for name in ("ray", "study"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).propagate = False
    return handler


def _stop_logging(handler: logging.Handler) -> None:
    for name in ("ray", "study", "optuna", "py.warnings", "alembic"):
        logging.getLogger(name).removeHandler(handler)
    with contextlib.suppress(OSError):
        handler.close()
