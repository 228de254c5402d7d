"""``--verify``: trains some of a study's trials again, each in its own process, and compares."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from reports.analysis.collect import StudyError, read_study
from study.store import State

EQUAL, DIFFERENT = 0, 3
Again = Callable[[Path, str], int]


def verify(folder: Path, count: int, seed: int | None, again: Again | None = None) -> int:
    """Prints the result of each comparison; returns 0 if all are equal, 3 if one is not.

    Args:
        count: how many trials to draw from the completed ones.
        seed: the seed of the draw; None draws other trials each time.
        again: trains a trial again and returns an exit code; by default, the command
            ``run_study.py --reproduce`` does.

    Raises:
        StudyError: no trial has completed.
    """
    study = read_study(folder)
    done = study.trials.loc[study.trials["state"] == State.COMPLETED, "id"].astype(str).unique()
    if not len(done):
        raise StudyError(f"{folder}: no trial has completed, so there is nothing to verify.")
    chosen = random.Random(seed).sample(sorted(done), min(count, len(done)))
    found = {identity: (again or reproduce)(folder, identity) for identity in chosen}
    equal = [identity for identity, code in found.items() if code == EQUAL]
    print(f"{len(equal)} of {len(found)} trials, trained again, gave every number as before.")
    for identity, code in found.items():
        if code != EQUAL:
            word = "differs"
            if code != DIFFERENT:
                word = f"could not be trained (exit code {code})"
            print(f"{identity}: {word}")
    return max(found.values(), key=abs)  # a signal that ended a process has a negative code


def reproduce(folder: Path, identity: str) -> int:
    """Trains one trial again with the command line, which prints the comparison."""
    command = [sys.executable, "-m", "run_study", "--resume", str(folder.resolve())]
    sys.stdout.flush()
    root = Path(__file__).parents[1]
    return subprocess.run([*command, "--reproduce", identity], cwd=root, check=False).returncode
