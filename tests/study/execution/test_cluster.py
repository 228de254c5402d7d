"""A study on a cluster: Ray nodes on this machine that come, die and are replaced."""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import crash
from study import store
from study.execution import cluster

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "clusters.md").read_text()
RAY = Path(sys.executable).with_name("ray")
RUN = (sys.executable, ROOT / "run_study.py")


CONFIG = """
model: {arch: MLP, layers: 6, norm: ei, T: 4, width: 0.25}
data: {name: digits, train_size: 1200, test_size: 128, validation_fraction: 0.2}
train: {epochs: 12, batch_size: 16, learning_rate: 0.01}
"""


STUDY = """
name: crash
base: base.yaml
parameters: {train.learning_rate: {type: float, low: 3.0e-3, high: 3.0e-2, log: true}}
search: {sampler: random, trials: 3}
baselines: {bn: {model.norm: bn}}
replicate: {seeds: 2}
"""


class Nodes:
    """Ray nodes that this test has started with the commands of docs/clusters.md, each with one
    CPU, a folder and a token of its own."""

    def __init__(self) -> None:
        self.folder = Path(
            tempfile.mkdtemp(prefix="nodes-")
        )  # short: a socket's path has at most 107 characters
        self.port = 0
        self.all: list[subprocess.Popen[bytes]] = []
        exports = [line.split()[1:] for line in DOCUMENT.splitlines() if line.startswith("export ")]
        self.environment = dict(item.split("=") for items in exports for item in items) | {
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "PYTHONPATH": f"{crash.HOOKS}:{ROOT}",
            "CRASH_HOME": str(self.folder),
            "CRASH_PAUSE": "0.5",  # seconds an epoch: a fast machine would be done too soon
        }

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def head(self) -> subprocess.Popen[bytes]:
        self.port = free_port()
        return self._start("--head")

    def join(self) -> subprocess.Popen[bytes]:
        return self._start("--address")

    def _start(self, which: str, *options: str) -> subprocess.Popen[bytes]:
        name = self.folder / str(len(self.all))
        line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"ray start {which}"))
        words = shlex.split(line.replace("FIRST", "127.0.0.1").replace("6379", str(self.port)))
        common = (
            "--block",
            "--num-cpus=1",
            "--object-store-memory=100000000",
            f"--temp-dir={name}",
        )
        command = [str(RAY), *words[1:], *common, *options]
        output = name.with_suffix(".log")
        with open(output, "wb") as file:
            environment = {**os.environ, **self.environment}
            self.all.append(
                subprocess.Popen(
                    command, stdout=file, stderr=file, env=environment, start_new_session=True
                )
            )
        until(lambda: "Ray runtime started" in output.read_text(), self.all[-1], output)
        return self.all[-1]

    def end(self) -> None:
        for node in self.all:
            crash.kill_tree(node)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    condition: Callable[[], Any],
    process: subprocess.Popen[bytes],
    output: Path,
    seconds: float = 600.0,
) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, (
            f"ended with {process.returncode} before the moment came:\n{output.read_text()[-3000:]}"
        )
        assert time.monotonic() < end, output.read_text()[-3000:]
        time.sleep(0.02)
    return found


def training(node: subprocess.Popen[bytes], results: Path) -> str | None:
    """The trial that a worker of this node trains."""
    return crash.training([pid for pid, _ in crash.descendants(node.pid)], results)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    started = Nodes()
    for name, value in started.environment.items():
        monkeypatch.setenv(name, value)
    try:
        yield started
    finally:
        started.end()


class Transcript:
    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self.start:6.1f} s  {text}", flush=True)


def test_documented_commands_have_options_that_exist() -> None:
    helps = [
        subprocess.run([*line, "--help"], capture_output=True, text=True, check=True).stdout
        for line in ([RAY, "start"], RUN)
    ]
    script = (ROOT / "docs" / "study.sbatch").read_text()
    assert (
        subprocess.run(["bash", "-n", str(ROOT / "docs" / "study.sbatch")], check=False).returncode
        == 0
    )
    lines = (DOCUMENT + script).replace("\\\n", " ").splitlines()
    for text, signs in zip(
        helps, (("ray start --", 'ray" start', 'start "$'), ("run_study.py --",)), strict=True
    ):
        parts = [line[line.index(sign) :] for line in lines for sign in signs if sign in line]
        used = {word for part in parts for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", part)}
        assert len(used) >= 2
        assert used <= set(re.findall(r"--[a-z][a-z-]+", text))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nodes_die_and_join_and_the_head_is_replaced(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pytest -s`` prints the transcript."""
    say = Transcript()
    space = crash.write_study(tmp_path, STUDY, CONFIG)
    results, output = tmp_path / "results" / "crash", tmp_path / "output.txt"
    seen = []

    def half_done(node: subprocess.Popen[bytes]) -> str | None:
        identity = training(node, results)
        return (
            identity
            if identity and 2 <= len(crash.histories(results).get(identity, ())) <= 8
            else None
        )

    head = nodes.head()
    say(f"head with 1 CPU at {nodes.address}")
    process = crash.start(space, "--address", nodes.address)
    first = until(lambda: training(head, results), process, output)
    say(f"head trains {first}")
    second = nodes.join()
    say("a second node joins")
    victim = until(lambda: half_done(second), process, output)
    seen.append(crash.histories(results))
    crash.kill_tree(second)
    say(f"it trains {victim}; killed with {len(seen[0][victim])} of its epochs on disk")
    until(lambda: len(crash.histories(results).get(victim, ())) == 12, process, output)
    say(f"{victim} is complete: {store.read_state(results / 'trials' / victim).retries} retry")
    third = nodes.join()
    say("a third node joins")
    until(lambda: half_done(third), process, output)
    seen.append(crash.histories(results))
    crash.kill_tree(head)
    say("it trains; the head is killed")
    code = process.wait(600)
    say(f"the command ends with {code}: {output.read_text().strip().splitlines()[-2:]}")
    crash.kill_tree(third)
    nodes.head()
    nodes.join()
    say(f"a new cluster of two nodes at {nodes.address}; the same command")
    again = crash.run(space, "--address", nodes.address, timeout=1200.0)
    say(f"the command ends with {again}")
    assert again == 0, output.read_text()[-3000:]
    undisturbed = crash.write_study(tmp_path / "undisturbed", STUDY, CONFIG)
    monkeypatch.delenv("CRASH_PAUSE")
    assert crash.run(undisturbed, "--max-concurrent", "1", timeout=1200.0) == 0
    assert [crash.retrained(before, results) for before in seen] == [[], []]
    assert crash.equal(undisturbed.parent / "results" / "crash", results) == []
    assert crash.sound(results, search_trials=3, seeds=2, arms=2) == []
    say(
        f"{len(crash.table(results, 'trials.csv'))} trials equal to those of an undisturbed run; no"
        " epoch was trained twice"
    )
    assert code in (1, 3)  # Ray may end the command before it has noticed
    assert "Traceback" not in output.read_text()


def test_errors_of_rays_processes_stay_in_its_logs(capfd: pytest.CaptureFixture[str]) -> None:
    """Ray prints a machine's last log lines in yellow, also into a file."""
    from ray._private import worker

    error = {"lines": ["Raylet is terminated."], "pid": "raylet", "is_err": False}
    before = cluster._silence(lambda *_, **__: None)
    worker.print_to_stdstream(error, ignore_prefix=False)
    assert capfd.readouterr().out == ""
    cluster._silence(before)
    worker.print_to_stdstream(error, ignore_prefix=False)
    assert "Raylet is terminated." in capfd.readouterr().out


def test_an_address_where_nothing_answers_is_refused(tmp_path: Path) -> None:
    space = crash.write_study(tmp_path, STUDY)
    assert crash.run(space, "--address", f"127.0.0.1:{free_port()}") == 2
    assert "no Ray cluster can be joined there" in (tmp_path / "output.txt").read_text()
    assert not (tmp_path / "results").exists()


SRUN = r"""#!/bin/bash
while [[ $1 == --* ]]; do shift; done
exec "${@//tmp\/ray-/tmp\/ray-$$-}" # both machines are this one, each with a folder of its own
"""


SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf '127.0.0.1\\n127.0.0.1\\n'; else echo "$@" >> "$ASKED"; fi
"""


def started_by(job: int) -> list[int]:
    """As SLURM's control groups would know them: the processes that carry the job's number in their
    environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"SLURM_JOB_ID={job}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_sbatch_file_stops_at_its_limit_and_its_next_run_completes(tmp_path: Path) -> None:
    space = crash.write_study(tmp_path, STUDY, CONFIG)
    results, asked, output = (
        tmp_path / "results" / "crash",
        tmp_path / "asked",
        tmp_path / "output.txt",
    )
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    command = [
        "bash",
        str(ROOT / "docs" / "study.sbatch"),
        str(space),
        "--results",
        str(tmp_path / "results"),
    ]

    def sbatch(job: int) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(asked),
            "PYTHON": sys.executable, "RAY": str(RAY),
            "SLURM_JOB_ID": str(job), "SLURM_JOB_NODELIST": "two", "SLURM_CPUS_PER_TASK": "1",
        }  # fmt: skip
        with open(output, "ab") as file:
            return subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True
            )

    job = random.randrange(10_000)
    process = sbatch(job)
    try:
        until(lambda: sum(map(len, crash.histories(results).values())) >= 3, process, output, 300.0)
        before = crash.histories(results)
        process.send_signal(signal.SIGUSR1)  # the time limit is near
        assert process.wait(120) == 130
        assert asked.read_text().split() == ["requeue", str(job)]
        assert not list(Path("/tmp").glob(f"ray-*-{job}"))
        assert "running" not in {row["state"] for row in crash.table(results, "trials.csv")}
        process = sbatch(job + 1)
        assert process.wait(600) == 0, output.read_text()[-3000:]
        assert crash.retrained(before, results) == []
        assert crash.sound(results, search_trials=3, seeds=2, arms=2) == []
    finally:
        for number in (job, job + 1):
            for pid in started_by(number):
                crash.kill(pid)
            for path in Path("/tmp").glob(f"ray-*-{number}"):
                shutil.rmtree(path, ignore_errors=True)
