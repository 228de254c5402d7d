"""Python loads this in every process of a study that `benchmarks/crash.py` starts; the study itself
knows nothing of it.

CRASH_HOME    the folder for epochs.txt (a line for every epoch that is begun: trial, epoch,
              process) and fired (the moment of the kill)
CRASH_AT      FILE:MOMENT:N:VICTIM. For example, checkpoint.pt:half:3:everything sends SIGKILL when
              a process writes that file for the third time and half of it is on disk. FILE may also
              be commit, that of the SQLite database. MOMENT is half (of the new file is written),
              before (it is whole, but not yet in its place) or after; for a commit it is before,
              during (a few milliseconds into it) or after. VICTIM is self or everything.
CRASH_PAUSE   seconds of sleep before every epoch, for tests that need a study to last; default 0
"""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOME = Path(os.environ["CRASH_HOME"])
# The first process of a study sets this for all others.
DRIVER = int(os.environ.setdefault("CRASH_DRIVER", str(os.getpid())))
FILE, MOMENT, NUMBER, VICTIM = (os.environ.get("CRASH_AT") or ":::").split(":")
counts = {"writes": 0}
replace = os.replace


def die() -> None:
    role = "driver" if os.getpid() == DRIVER else "worker"
    with open(HOME / "fired", "x") as file:
        file.write(f"{os.environ['CRASH_AT']} in the {role}")
    if VICTIM == "everything":
        from benchmarks.crash import descendants, kill

        for pid in [DRIVER, *(pid for pid, _ in descendants(DRIVER) if pid != os.getpid())]:
            kill(pid)
    os.kill(os.getpid(), signal.SIGKILL)


def met() -> bool:
    counts["writes"] += 1
    return counts["writes"] == int(NUMBER) and not (HOME / "fired").exists()  # one kill is enough


def dying_replace(source: Any, target: Any, **options: Any) -> None:
    now = Path(target).name == FILE and met()
    if now and MOMENT == "half":
        os.truncate(source, os.path.getsize(source) // 2)
    if now and MOMENT != "after":
        die()
    replace(source, target, **options)
    if now:
        die()


def watch_commits() -> None:
    import sqlite3
    from sqlite3 import dbapi2

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            now = self.in_transaction and met()
            if now and MOMENT == "before":
                die()
            if now and MOMENT == "during":
                delay = random.uniform(0.0, 0.004)
                threading.Thread(target=lambda: (time.sleep(delay), die()), daemon=True).start()
            super().commit()
            if now and MOMENT == "after":
                die()

    connect = sqlite3.connect
    sqlite3.connect = dbapi2.connect = lambda *args, **options: connect(
        *args, **{"factory": Connection, **options}
    )


class NoteEpochs:
    """Wraps `eisnn.training.fit.train_epoch`, when that module is imported, to note each epoch."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "eisnn.training.fit":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        assert spec is not None
        execute = spec.loader.exec_module  # type: ignore[union-attr]

        def execute_and_wrap(module: Any) -> None:
            execute(module)
            train = module.train_epoch

            def noted(run: Any, *arguments: Any) -> Any:
                from eisnn.config.trial import trial_id

                with open(HOME / "epochs.txt", "a") as file:
                    number, now = run.epoch + 1, time.time()
                    file.write(f"{trial_id(run.config)} {number} {os.getpid()} {now:.3f}\n")
                time.sleep(float(os.environ.get("CRASH_PAUSE", "0")))
                return train(run, *arguments)

            module.train_epoch = noted

        spec.loader.exec_module = execute_and_wrap  # type: ignore[union-attr, method-assign]
        return spec


sys.meta_path.insert(0, NoteEpochs())  # type: ignore[arg-type]
if FILE == "commit":
    watch_commits()
elif FILE:
    os.replace = dying_replace
