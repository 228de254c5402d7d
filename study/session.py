"""One run of a study, from its file to its end.

Locks the folder, compares it with the file, trains what is missing, and leaves it in order.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from eisnn.config.trial import resolved
from eisnn.errors import ConfigError
from eisnn.surroundings import record_surroundings
from study import notify, preflight, store, user_code
from study.agenda.agenda import Agenda
from study.agenda.recovery import open_agenda
from study.clock import Clock, DiskWatch
from study.ending import Ending, ending
from study.errors import RayLost, Stopped, outside
from study.execution.cluster import check_address
from study.execution.display import Display
from study.execution.execute import execute
from study.forecast import building, disk
from study.log import logging_to
from study.plan import Plan, own_code, plan_record
from study.request import Request, digest_of, intact
from study.store import links, temporary

DONE, OUR_FAULT, TRIALS_FAILED, INTERRUPTED = 0, 1, 3, 130
MANY = 200  # reading the folders of so many trials takes seconds
RAY_STARTS = 3  # how often one run starts Ray, which may itself die

Sizes = Callable[[], Mapping[str, int]]  # bytes of each arm's weights; waits for the count


def run(
    request: Request,
    *,
    fresh: bool = False,
    max_concurrent: int | None = None,
    address: str | None = None,
) -> tuple[int, Path]:
    """Runs or resumes the study; returns the exit code and the study's folder.

    Raises:
        ConfigError, StoreError: the input or the folder cannot be used; nothing was started.
    """
    plan = request.plan()
    folder = request.folder or request.results / plan.spec.name
    store.check_free(folder)  # first, since the checks below take seconds
    with store.unmade(folder, ConfigError):
        return _run(request, plan, folder, fresh, max_concurrent, address), folder


def _run(
    request: Request, plan: Plan, folder: Path, fresh: bool, limit: int | None, address: str | None
) -> int:
    new = not folder.exists()
    preflight.check(plan, request.where, here=address is None)
    if address and not folder.exists():  # makes no folder for a wrong address
        check_address(address)
    if fresh and (folder / "plan.json").exists():
        lock = store.lock_study(folder)
        print(f"the earlier study is now {store.move_aside(folder)}")
        lock.release()
    if not _is_ours(folder):
        raise store.StoreError(
            f"{folder}: is not empty and not a study's folder; give another --name or --results"
        )
    for line in links.settle(folder):
        print(line)
    lock = store.lock_study(folder)
    if lock.note:
        print(lock.note)
    code = OUR_FAULT
    try:
        code = _locked(request, plan, folder, limit, address)
    except (ConfigError, store.StoreError):
        if new and not any((folder / "trials").glob("*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        lock.release()
    notify.tell(plan.spec.notify, folder, code)
    return code


def _is_ours(folder: Path) -> bool:
    """Returns whether a study may use the folder: it is new, empty, or a study's.

    A study may have been killed before its first file was whole.
    """
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return bool(names & {"plan.json", "owner.json"}) or all(
        name.startswith((".lock", ".owner.json.")) for name in names
    )


def _locked(
    request: Request, plan: Plan, folder: Path, max_concurrent: int | None, address: str | None
) -> int:
    record = plan_record(plan)
    for path in _unreadable(folder):
        print(f"damaged: set aside as {path}, and written again")
    before = store.read_json(folder / "plan.json")
    preflight.check_folder(plan, request.where, folder)
    if (problem := _of_another_file(request, folder)) is not None:
        raise ConfigError(problem)
    (folder / "trials").mkdir(exist_ok=True)
    try:
        disk.check(folder, 0)
        with logging_to(folder / "log.txt"):
            # At once if anything is left to train, which only a new study is known to have.
            sizes = building.begin(plan, here=not address) if before is None else None
            _write_inputs(request, plan, folder, record)
            agenda = _agenda(plan, folder, first=before is None)
            print("".join(f"{note}\n" for note in own_code.notes(plan)), end="")
            return _work(request, agenda, sizes, max_concurrent, address)
    except Stopped as stop:
        print(f"{stop}", file=sys.stderr)
        return TRIALS_FAILED
    except (ConfigError, store.StoreError, OSError):
        raise
    except Exception as error:
        return _ended_badly(error, folder)


def _of_another_file(request: Request, folder: Path) -> str | None:
    """Returns a problem if the folder belongs to another study file of the same name, else None.

    A file that was moved, or edited in its place, is the same one.
    """
    before = (store.read_json(folder / "command.json") or {}).get("file")
    here = str(Path(request.where).absolute())
    if request.folder is not None or before in (None, here) or not Path(before).is_file():
        return None
    if digest_of(folder / "study.yaml") == hashlib.sha256(request.text.encode()).hexdigest():
        return None
    if not any((folder / "trials").glob("*/state.json")):
        return None
    return (
        f"{request.where}: name: {folder} holds the trials of another study file of this name, "
        f"{before}; give another --name, or --fresh, which moves the old folder aside"
    )


def _unreadable(folder: Path) -> list[Path]:
    is_intact = intact(folder)
    aside = store.set_unreadable_aside(folder)
    if not is_intact:
        aside.append(store.set_aside(folder / "study.yaml"))
    return aside


def _write_inputs(request: Request, plan: Plan, folder: Path, record: dict[str, Any]) -> None:
    store.remove_leftovers(folder)
    (folder / "ending.json").unlink(missing_ok=True)
    before = digest_of(folder / "study.yaml")
    now = hashlib.sha256(request.text.encode()).hexdigest()
    earlier = store.read_json(folder / "command.json") or {}
    given = str(Path(request.where).absolute())
    command = {
        "file": earlier.get("file") if request.folder is not None else given,
        "sets": request.sets,
        "smoke": request.smoke,
        "name": request.name,
        "bases": plan.bases,
        "folders": plan.folders,
        "digests": [now, before],
    }
    store.write_json(folder / "command.json", command)
    user_code.keep(plan, folder)
    resolved_base = resolved(plan.reference.config({}, 0))
    store.write_text(folder / "base.yaml", yaml.safe_dump(resolved_base, sort_keys=False))
    store.write_text(folder / "study.yaml", request.text)
    store.write_json(folder / "plan.json", record)


def _agenda(plan: Plan, folder: Path, *, first: bool) -> Agenda:
    """Opens the agenda over what the folder holds; prints what is damaged or different."""
    trials = sum(1 for _ in (folder / "trials").iterdir())
    if trials > MANY:
        print(f"reading {trials} trials of {folder}", flush=True)
    opened = open_agenda(folder, plan)
    if opened.aside is not None:
        print(
            f"optuna.db cannot be used: it is now {opened.aside}, "
            "and is rebuilt from the trials' folders"
        )
    for path in opened.diff.damaged:
        print(f"damaged: set aside as {path}; its trial is repeated")
    if not first:
        print(opened.diff)
    taken = sum(search.warmed_up for search in opened.agenda.searches.values())
    if plan.spec.search is not None and plan.spec.search.from_ is not None:
        print(f"the searches begin with {taken} trials of {plan.spec.search.from_}")
    return opened.agenda


def _work(
    request: Request,
    agenda: Agenda,
    sizes: Sizes | None,
    max_concurrent: int | None,
    address: str | None,
) -> int:
    plan, folder = agenda.plan, agenda.folder
    problem = agenda.spending.why_too_small()
    if problem is not None:
        raise ConfigError(f"{request.where}: {problem}")
    if agenda.finished:
        temporary.clear()
        agenda.tables.write(now=True)
        return _verdict(agenda, "nothing to train")
    sizes = sizes or building.begin(plan, here=not address)
    key = record_surroundings(folder)
    for attempt in range(RAY_STARTS):
        clock, watch = Clock(agenda), DiskWatch(agenda, sizes)

        def tick(clock: Clock = clock, watch: DiskWatch = watch) -> None:
            if not (folder / "plan.json").exists():
                raise outside(FileNotFoundError(), folder) or Stopped("the folder is gone")
            clock.tick()
            watch.tick()

        try:
            with Display() as display:
                execute(
                    agenda,
                    display,
                    environment=key,
                    max_concurrent=max_concurrent,
                    address=address,
                    on_tick=tick,
                )
            return _verdict(agenda)
        except RayLost as lost:
            agenda.interrupt()
            if address or attempt + 1 == RAY_STARTS:  # a cluster is not ours to restart
                return _stopped(lost, folder)
            print(f"{lost}; starting it again", file=sys.stderr)
        except Stopped as stop:
            agenda.interrupt()
            return _stopped(stop, folder)
        except ConfigError:
            raise  # the machine or cluster cannot give what was asked for
        except Exception as error:
            agenda.interrupt()
            return _ended_badly(error, folder)
        finally:
            with contextlib.suppress(OSError):
                clock.save()
                agenda.tables.write(now=True)
        agenda = _agenda(plan, folder, first=False)
    raise AssertionError("not reached")


def _ended_badly(error: Exception, folder: Path) -> int:
    if (stop := outside(error, folder)) is not None:
        return _stopped(stop, folder)
    logging.getLogger("study").error("our fault", exc_info=error)
    place = f"the traceback is in {folder / 'log.txt'}"
    print(f"our fault: {type(error).__name__}: {error}; {place}", file=sys.stderr)
    return OUR_FAULT


def _stopped(stop: Stopped, folder: Path) -> int:
    here = folder if (folder / "plan.json").exists() else "WHERE IT IS NOW"
    print(f"stopped: {stop}\nresume with: python run_study.py --resume {here}", file=sys.stderr)
    return INTERRUPTED if str(stop) in ("SIGINT", "SIGTERM") else TRIALS_FAILED


def _verdict(agenda: Agenda, nothing: str = "") -> int:
    """Prints what did not go well, and returns the exit code of a study that has ended."""
    agenda.close()
    end: Ending = ending(agenda)
    with contextlib.suppress(OSError):
        store.write_json(agenda.folder / "ending.json", end.to_json())  # reports say it too
    if nothing and end.budget is None:
        print(f"{agenda.plan.spec.name} is complete: {nothing}")
    for line in end.lines():
        print(line)
    return TRIALS_FAILED if end.failed or end.budget is not None else DONE
