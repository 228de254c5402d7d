"""Kills a real study with SIGKILL at random moments, repeats the command, and compares the outcome
with an undisturbed run.

    python benchmarks/crash.py --kills 50 --seed 0
        one trial at a time: everything must be equal bit for bit
    python benchmarks/crash.py --kills 20 --concurrent 2
        several at a time: nothing may be lost, repeated or doubled
    python benchmarks/crash.py --writes
        kills inside each kind of write, see crash_hooks/sitecustomize.py

The victim is the driver alone, the driver and everything that it started, or one worker process.
Every epoch that is begun is counted: a kill may cost the epoch that it interrupts, or ten seconds
of epochs, and nothing else. tests/study/test_crash.py uses the same functions.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOOKS = ROOT / "benchmarks" / "crash_hooks"
SECONDS_BETWEEN_CHECKPOINTS, SLACK = 10.0, 5.0  # the latter for a busy machine
TIMING = {"seconds_per_epoch", "peak_memory_mb", "started", "finished", "retries", "seconds"}
CONFIG = """
model: {arch: MLP, layers: 4, norm: ei, T: 2, width: 0.1}
data: {name: digits, train_size: 400, test_size: 128, validation_fraction: 0.2}
train: {epochs: 3, batch_size: 32, learning_rate: 0.01}
"""
STUDY = """
name: crash
base: base.yaml
parameters:
  circuit.init.gain: {type: float, low: 0.5, high: 2.0, log: true}
  circuit.init.distribution: {type: categorical, choices: [exponential, gamma]}
  circuit.init.gamma_shape: {type: float, low: 0.25, high: 4.0, log: true, when: {circuit.init.distribution: gamma}}
  train.learning_rate: {type: float, low: 1.0e-3, high: 1.0e-1, log: true}
search: {sampler: tpe, trials: 5, startup: 2, pruner: {type: asha, grace_epochs: 1, reduction_factor: 2}}
ablation: {factors: {gradient_scaling: {circuit.prop.grad_scale_exponent: 0.0}}}
baselines: {bn: {model.norm: bn}}
replicate: {seeds: 2}
"""  # noqa: E501


def write_study(folder: Path, study: str = STUDY, config: str = CONFIG) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "base.yaml").write_text(config)
    (folder / "study.yaml").write_text(study)
    return folder / "study.yaml"


def start(space: Path, *options: str, at: str = "") -> subprocess.Popen[bytes]:
    """Starts the command in a session of its own, with its output beside the study file. ``at``
    names the write at which it is killed (crash_hooks)."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{HOOKS}:{ROOT}",
        "PYTHONUNBUFFERED": "1",
        "CRASH_HOME": str(space.parent),
        "CRASH_AT": at,
    }
    (space.parent / "fired").unlink(missing_ok=True)
    command = [
        sys.executable,
        str(ROOT / "run_study.py"),
        "--space",
        str(space),
        "--results",
        str(space.parent / "results"),
        *options,
    ]
    with open(space.parent / "output.txt", "ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )


def run(space: Path, *options: str, timeout: float = 900.0) -> int:
    """Runs the command to its end; returns its exit code."""
    process = start(space, *options)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        kill_tree(process)
        raise


# ---- processes


def descendants(pid: int) -> list[tuple[int, str]]:
    """Returns every process that ``pid`` started, directly or not, with its command line."""
    parents: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(
                    int(entry.name)
                )
                commands[int(entry.name)] = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
    found, waiting = [], [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            found.append((child, commands.get(child, "")))
            waiting.append(child)
    return found


def listening(pids: list[int]) -> set[str]:
    """Returns the addresses (hexadecimal, as /proc/net writes them) on which these processes listen
    for TCP."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            sockets |= {
                os.readlink(entry.path)[8:-1]
                for entry in os.scandir(f"/proc/{pid}/fd")
                if os.path.lexists(entry.path)
            }
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {line[1].partition(":")[0] for line in lines if line[3] == "0A" and line[9] in sockets}


def memory_mb(pid: int, field: str, file: str = "smaps_rollup") -> float:
    """Returns a field of /proc/<pid>/<file> about a process's memory; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kills the driver and all that it started."""
    below = descendants(process.pid)
    kill(process.pid)
    for pid, _ in below:
        kill(pid)
    process.wait()


def kill_driver(process: subprocess.Popen[bytes]) -> list[int]:
    """Kills the driver alone; returns the processes that it leaves behind."""
    below = [pid for pid, _ in descendants(process.pid)]
    kill(process.pid)
    process.wait()
    return below


def kill_worker(process: subprocess.Popen[bytes]) -> bool:
    """Kills one process that trains; returns False if there is none."""
    workers = [
        pid for pid, command in descendants(process.pid) if command.startswith("ray::ImplicitFunc")
    ]
    if workers:
        kill(workers[0])
    return bool(workers)


# ---- comparing


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """Reads a table without the columns that clocks and memory meters fill."""
    with open(folder / name, newline="") as file:
        return [
            {key: cell for key, cell in row.items() if key not in TIMING}
            for row in csv.DictReader(file)
        ]


def equal(one: Path, other: Path) -> list[str]:
    """Returns the differences between two studies' tables: trial ids, states, every metric of every
    trial and epoch."""
    differences = []
    for name in ("trials.csv", "epochs.csv"):
        first, second = table(one, name), table(other, name)
        if len(first) != len(second):
            differences.append(f"{name}: {len(first)} rows and {len(second)}")
        differences += [
            f"{name}: {a} and {b}" for a, b in zip(first, second, strict=False) if a != b
        ]
    return differences


def sound(folder: Path, *, search_trials: int = 5, seeds: int = 2, arms: int = 3) -> list[str]:
    """Returns what is wrong with a finished study, in whatever order its trials ran: trials that
    are lost, doubled or not well ended."""
    rows = table(folder, "trials.csv")
    problems = []
    keys = [(row["arm"], row["kind"], row["number"]) for row in rows]
    if len(set(keys)) != len(keys) or len(
        {(row["arm"], row["kind"], row["id"]) for row in rows}
    ) != len(rows):
        problems.append("a trial is listed twice")
    if len(rows) != arms * (search_trials + seeds):
        problems.append(f"{len(rows)} trials instead of {arms * (search_trials + seeds)}")
    bad = [row for row in rows if row["state"] not in ("completed", "pruned", "diverged")]
    problems += [
        f"{row['arm']} {row['kind']} {row['number']} is {row['state']}: {row['reason']}"
        for row in bad
    ]
    lines = table(folder, "epochs.csv")
    if len({(line["id"], line["epoch"]) for line in lines}) != len(lines):
        problems.append("an epoch is listed twice")
    return problems


def agreement(one: Path, other: Path) -> tuple[list[str], int]:
    """Returns the epochs of equal trials that differ between two studies, and how many there were
    to compare."""
    first, second = (
        {(row["id"], row["epoch"]): row for row in table(folder, "epochs.csv")}
        for folder in (one, other)
    )
    common = [key for key in first if key in second]
    differ = [key for key in common if first[key] != second[key]]
    return [f"{key}: {first[key]} and {second[key]}" for key in differ], len(common)


def training(pids: list[int], results: Path) -> str | None:
    """The trial that one of these processes trains: the one whose lock it holds open."""
    for pid in pids:
        try:
            names = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        for name in names:
            if name.startswith(str(results / "trials")) and name.endswith("/.lock"):
                return Path(name).parent.name
    return None


def histories(folder: Path) -> dict[str, list[list[str]]]:
    """Returns every trial's epochs as they are on disk, without the seconds that each took."""
    found = {}
    for path in (folder / "trials").glob("*/history.csv"):
        with contextlib.suppress(OSError):
            header, *rows = list(csv.reader(path.read_text().splitlines())) or [[]]
            kept = [index for index, name in enumerate(header) if name != "seconds"]
            found[path.parent.name] = [
                [row[index] for index in kept] for row in rows if len(row) == len(header)
            ]
    return found


def begun(home: Path) -> dict[str, list[int]]:
    """Returns the epochs of every trial in the order in which their training began."""
    return {name: [epoch for epoch, _ in found] for name, found in begun_at(home).items()}


def begun_at(home: Path) -> dict[str, list[tuple[int, float]]]:
    """Returns the same with the time (s) at which each began."""
    epochs: dict[str, list[tuple[int, float]]] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (home / "epochs.txt").read_text().splitlines():
            name, epoch, _, moment = line.split()
            epochs.setdefault(name, []).append((int(epoch), float(moment)))
    return epochs


def again_of(home: Path) -> int:
    """Returns how many times an epoch was begun that had been begun before."""
    return sum(len(epochs) - len(set(epochs)) for epochs in begun(home).values())


def repeated(home: Path, kills: int) -> list[str]:
    """Returns what is wrong with the order in which epochs began.

    A kill may cost the epoch that it meets, or what was trained in the seconds between two
    checkpoints. A trial may step back no more often than there were kills.
    """
    problems: list[str] = []
    for name, epochs in begun_at(home).items():
        back = 0
        for index, (epoch, _) in enumerate(epochs[1:], 1):
            before, last = epochs[index - 1]
            if epoch > before:
                continue
            back += 1
            first = max(moment for other, moment in epochs[:index] if other == epoch)
            if epoch < before and last - first > SECONDS_BETWEEN_CHECKPOINTS + SLACK:
                problems.append(
                    f"{name}: epochs {epoch} to {before}, {last - first:.0f} s, are trained twice"
                )
        if back > kills:
            problems.append(f"{name}: stepped back {back} times by {kills} kills")
    return problems


def retrained(before: dict[str, list[list[str]]], folder: Path) -> list[str]:
    """Returns the trials with an epoch that was on disk before a kill and has another value now."""
    after = histories(folder)
    return [name for name, rows in before.items() if after.get(name, [])[: len(rows)] != rows]


# ---- the experiment

KILLS: dict[str, Callable[[Any], Any]] = {
    "driver": kill_driver,
    "everything": kill_tree,
    "worker": kill_worker,
}


def disturbed(space: Path, options: list[str], kills: int, rng: random.Random) -> list[str]:
    """Runs the study with up to ``kills`` kills; returns one line per kill."""
    folder = space.parent / "results" / "crash"
    log: list[str] = []
    seen: list[dict[str, list[list[str]]]] = []
    process = start(space, *options)
    began = time.monotonic()
    while len(log) < kills:
        what = rng.choice(list(KILLS))
        progressed = _wait_for_progress(process, folder, rng)
        if process.poll() is not None:
            break
        before = histories(folder)
        running = _running(folder)
        done = KILLS[what](process)
        if what == "worker" and not done:
            continue  # none was training
        if what != "worker":
            process = start(space, *options)
        log.append(f"{time.monotonic() - began:7.1f} s  killed {what}, {progressed}; {running}")
        print(log[-1], flush=True)
        seen.append(before)
    code = process.wait(900)
    log += [f"RETRAINED {broken}" for before in seen if (broken := retrained(before, folder))]
    log.append(f"exit code {code}")
    return log


def _running(folder: Path) -> str:
    """Describes what was going on, from the trials' folders."""
    states = [json.loads(path.read_text()) for path in (folder / "trials").glob("*/state.json")]
    running = [
        f"{state['roles'][0]['arm']} {state['roles'][0]['kind']}"
        for state in states
        if state["state"] == "running"
    ]
    lines = sum(map(len, histories(folder).values()))
    return (
        f"{lines} epochs on disk, {len(states) - len(running)} trials ended, running:"
        f" {', '.join(running) or 'none'}"
    )


FIRST = ("owner.json", "study.yaml", "command.json", "plan.json", "optuna.db", "environment.json")
OF_A_TRIAL = ("checkpoint.pt", "state.json", "history.csv")
AT = (("half", "self"), ("half", "everything"), ("after", "everything"))
COMMITS = ("before", "during", "during", "after")
VICTIMS = ("self", "everything")
TABLES = ("trials.csv", "epochs.csv")
WRITES = [  # FILE:MOMENT:N:VICTIM of crash_hooks; begins with those of a study's first second
    *(f"{name}:half:1:self" for name in FIRST),
    *(f"{name}:{moment}:{{}}:{victim}" for moment, victim in AT for name in OF_A_TRIAL),
    *(f"commit:{moment}:{{}}:{victim}" for moment in COMMITS for victim in VICTIMS),
    *(f"{name}:{moment}:{{}}:everything" for name in TABLES for moment in ("half", "after")),
]


def disturbed_at_writes(
    space: Path, options: list[str], kills: int, rng: random.Random
) -> list[str]:
    """Does what `disturbed` does, but kills inside writes: takes the next of WRITES until the study
    ends or ``kills`` are done."""
    folder = space.parent / "results" / "crash"
    log: list[str] = []
    began = time.monotonic()
    while len(log) < kills and WRITES:
        at = WRITES.pop(0)
        at = at.format(rng.choice([3, 12, 40] if at.startswith("commit") else [1, 2, 3, 5]))
        process = start(space, *options, at=at)
        while process.poll() is None and not (space.parent / "fired").exists():
            time.sleep(0.02)
        if not (space.parent / "fired").exists():
            WRITES.append(at)  # the study ended before
            break
        moment = (space.parent / "fired").read_text()
        alone = at.endswith("self") and moment.endswith("worker")
        if not alone:
            process.wait(60)
        journal = ""
        if not alone and (folder / "optuna.db-journal").exists():
            journal = ", a journal was left"
        log.append(
            f"{time.monotonic() - began:7.1f} s  killed at {moment}{journal}; {_running(folder)}"
        )
        print(log[-1], flush=True)
        if alone:  # the study still runs: it is killed a little later, to choose the next moment
            log.append(
                f"{time.monotonic() - began:7.1f} s  killed everything,"
                f" {_wait_for_progress(process, folder, rng)}; {_running(folder)}"
            )
            kill_tree(process)
            print(log[-1], flush=True)
    log.append(f"exit code {run(space, *options, timeout=900)}")
    return log


def _wait_for_progress(process: subprocess.Popen[bytes], folder: Path, rng: random.Random) -> str:
    """Waits until a few more epochs are on disk and a random time has passed, or, one time in five,
    for a random time only."""
    if rng.random() < 0.2:
        seconds = rng.uniform(0.0, 8.0)
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.03)
        return f"{seconds:.1f} s after the start or the last kill"
    target = sum(map(len, histories(folder).values())) + rng.choice([1, 1, 2, 3])
    while sum(map(len, histories(folder).values())) < target and process.poll() is None:
        time.sleep(0.03)
    delay = rng.uniform(0.0, 0.4)
    time.sleep(delay)
    return f"{1000 * delay:.0f} ms after an epoch"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrent", type=int, default=1)
    parser.add_argument(
        "--writes", action="store_true", help="kill inside writes, each kind of them once"
    )
    options = parser.parse_args()
    options.kills = len(WRITES) if options.writes else options.kills
    rng = random.Random(options.seed)
    arguments = ["--max-concurrent", str(options.concurrent)]
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        reference = write_study(Path(folder) / "undisturbed")
        print(f"undisturbed: exit code {run(reference, *arguments)}", flush=True)
        done = rounds = failures = 0
        while done < options.kills:
            rounds += 1
            space = write_study(Path(folder) / f"round-{rounds}")
            kills_of = disturbed_at_writes if options.writes else disturbed
            log = kills_of(space, arguments, options.kills - done, rng)
            kills = sum(" killed " in line for line in log)
            done += kills
            results = space.parent / "results" / "crash"
            problems = [line for line in log if line.startswith("RETRAINED")]
            problems += sound(results)
            problems += repeated(space.parent, kills)
            undisturbed = reference.parent / "results" / "crash"
            different, compared = agreement(undisturbed, results)
            if options.concurrent == 1:
                different = equal(undisturbed, results)
            problems += different
            failures += bool(problems)
            again = again_of(space.parent)
            found = "; ".join(problems[:5]) or "nothing lost, doubled or different"
            print(
                f"round {rounds}: {log[-1]}; {kills} kills; epochs trained again: {again};"
                f" {compared} epochs compared with the undisturbed study; {found}",
                flush=True,
            )
            if problems:
                print((space.parent / "output.txt").read_text()[-3000:], flush=True)
        print(
            f"{done} kills in {rounds} studies; {failures} studies differ from the undisturbed one"
        )
        sys.exit(failures > 0)


if __name__ == "__main__":
    main()
