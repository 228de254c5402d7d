"""Real studies under SIGKILL: real Ray, real SQLite, real training. `benchmarks/crash.py` kills at
random, and more often."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import crash
from tests.tiny import fill, small_disk

pytestmark = pytest.mark.timeout(
    900
)  # whole studies, several times: minutes where the machine does other work

STUDY = """
name: crash
base: base.yaml
parameters:
  circuit.init.gain: {type: float, low: 0.5, high: 2.0, log: true}
  train.learning_rate: {type: float, low: 1.0e-3, high: 1.0e-1, log: true}
search: {trials: 3, startup: 1, pruner: {type: asha, grace_epochs: 1, reduction_factor: 2}}
baselines: {bn: {model.norm: bn}}
replicate: {seeds: 1}
"""
ONE = ("--max-concurrent", "1")
LOOPBACK = {
    "0100007F",
    "00000000000000000000000001000000",
    "0000000000000000FFFF00000100007F",
}  # 127.0.0.1, ::1, both in one


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    space = crash.write_study(tmp_path_factory.mktemp("undisturbed"), STUDY)
    assert crash.run(space, *ONE) == 0, (space.parent / "output.txt").read_text()
    return space.parent / "results" / "crash"


def wait_for(condition: Callable[[], bool], process: Any, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the study ended before the moment came"
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_at_three_moments_it_equals_an_undisturbed_run(
    undisturbed: Path, tmp_path: Path
) -> None:
    space = crash.write_study(tmp_path, STUDY)
    results = tmp_path / "results" / "crash"

    def epochs() -> int:
        return sum(map(len, crash.histories(results).values()))

    process, seen = crash.start(space, *ONE), []
    for moment, kill in ((2, crash.kill_driver), (5, crash.kill_tree), (8, crash.kill_worker)):
        wait_for(lambda moment=moment: epochs() >= moment, process)
        seen.append(crash.histories(results))
        kill(process)
        if kill is not crash.kill_worker:
            process = crash.start(space, *ONE)
    assert process.wait(400) == 0, (tmp_path / "output.txt").read_text()
    assert [crash.retrained(before, results) for before in seen] == [[]] * 3
    assert crash.repeated(tmp_path, 3) == []  # one epoch a kill, or ten seconds of epochs
    assert crash.equal(undisturbed, results) == []
    assert crash.sound(results, search_trials=3, seeds=1, arms=2) == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_inside_writes_it_equals_an_undisturbed_run(
    undisturbed: Path, tmp_path: Path
) -> None:
    """The first files of a study; half a checkpoint; half a state; a commit of the database.
    `--writes` of the benchmark does all."""
    space = crash.write_study(tmp_path, STUDY)
    results = tmp_path / "results" / "crash"
    moments = (
        "plan.json:half:1:self",
        "checkpoint.pt:half:2:everything",
        "commit:during:12:self",
        "state.json:half:2:everything",
    )
    for at in moments:
        assert crash.start(space, *ONE, at=at).wait(600) == -signal.SIGKILL, (
            tmp_path / "output.txt"
        ).read_text()
    assert crash.run(space, *ONE) == 0, (tmp_path / "output.txt").read_text()
    assert crash.repeated(tmp_path, len(moments)) == []
    assert crash.equal(undisturbed, results) == []
    assert crash.sound(results, search_trials=3, seeds=1, arms=2) == []


@pytest.mark.slow
def test_a_damaged_checkpoint_is_met_by_a_worker(undisturbed: Path, tmp_path: Path) -> None:
    """Its trial is trained again from its first epoch, which the terminal says; no other epoch is,
    and the study ends as it should."""
    space = crash.write_study(tmp_path, STUDY)
    results = tmp_path / "results" / "crash"
    process = crash.start(space, *ONE)
    wait_for(lambda: checkpoint_at_work(results) is not None, process)
    crash.kill_tree(process)
    checkpoint = checkpoint_at_work(results)
    assert checkpoint is not None
    content = checkpoint.read_bytes()[:-1000]
    checkpoint.write_bytes(content)
    before = crash.begun(tmp_path)
    assert crash.run(space, *ONE) == 0, (tmp_path / "output.txt").read_text()
    aside = checkpoint.with_name("checkpoint.pt.damaged-1")
    assert aside.read_bytes() == content
    assert f"damaged: set aside as {aside}; the trial was repeated" in " ".join(
        (tmp_path / "output.txt").read_text().split()
    )
    again = {
        name
        for name, epochs in crash.begun(tmp_path).items()
        if len(set(epochs)) < len(epochs) and name in before
    }
    assert again == {checkpoint.parent.name}
    assert crash.equal(undisturbed, results) == []


def checkpoint_at_work(results: Path) -> Path | None:
    """The checkpoint of a trial that trains, if one is there."""
    for path in results.glob("trials/*/checkpoint.pt"):
        state = json.loads((path.parent / "state.json").read_text())
        if state["state"] == "running":
            return path
    return None


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", 64) as folder:  # a study keeps half of it in reserve
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 20_000])
def test_a_disk_that_fills_during_a_study(undisturbed: Path, small: Path, leave: int) -> None:
    """It ends with 3 and says why; repeated on the full disk it does not start; with room it ends
    as it should."""
    space = crash.write_study(small, STUDY)
    results = small / "results" / "crash"
    process = crash.start(space, *ONE)
    wait_for(lambda: len(crash.histories(results)) >= 2, process)
    ballast = fill(small, leave)
    codes = [process.wait(120), crash.run(space, *ONE)]
    ballast.unlink()
    codes.append(crash.run(space, *ONE))
    output = " ".join((small / "output.txt").read_text().split())
    assert codes == [3, 3, 0], output
    assert "make room and repeat the command" in output
    assert "Traceback" not in output, output
    assert crash.equal(undisturbed, results) == []


def test_a_signal_stops_cleanly_and_a_second_run_is_refused(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH_PAUSE", "2")  # the study must still run when the signal comes
    space = crash.write_study(tmp_path, STUDY)
    results = tmp_path / "results" / "crash"
    process = crash.start(space, *ONE)
    wait_for(lambda: bool(crash.histories(results)), process)
    assert crash.run(space, *ONE) == 2
    assert "another run of this study is going on" in (tmp_path / "output.txt").read_text()
    below = [pid for pid, _ in crash.descendants(process.pid)]
    private(process.pid)
    process.send_signal(random.choice([signal.SIGINT, signal.SIGTERM]))
    assert process.wait(120) == 130
    output = (tmp_path / "output.txt").read_text()
    assert f"resume with: python run_study.py --resume {results}" in output
    assert "Traceback" not in output, output
    wait = time.monotonic() + 30
    while alive := [pid for pid in below if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < wait, [Path(f"/proc/{pid}/cmdline").read_text() for pid in alive]
        time.sleep(0.1)
    states = [row["state"] for row in crash.table(results, "trials.csv")]
    assert "running" not in states
    monkeypatch.setenv("CRASH_PAUSE", "0")
    assert crash.run(space, *ONE) == 0
    assert crash.equal(undisturbed, results) == []


def private(driver: int) -> None:
    """Ray is for this study only: loopback, a token that is asked for, and that stands in no file
    and no command line."""
    below = crash.descendants(driver)
    assert crash.listening([driver, *(pid for pid, _ in below)]) <= LOOPBACK
    raylet = next(pid for pid, command in below if "/raylet/raylet" in command)
    assert crash.listening([raylet])
    variables = dict(
        item.split("=", 1)
        for item in Path(f"/proc/{raylet}/environ").read_text().split("\0")
        if "=" in item
    )
    assert variables["RAY_AUTH_MODE"] == "token"
    assert not any(variables["RAY_AUTH_TOKEN"] in command for _, command in below)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("concurrent", ["1", "2"])
@pytest.mark.parametrize("writes", [[], ["--writes"]])
def test_random_kills(monkeypatch: pytest.MonkeyPatch, concurrent: str, writes: list[str]) -> None:
    monkeypatch.setattr(
        sys,
        "argv",
        ["crash.py", "--kills", "25", "--seed", concurrent, "--concurrent", concurrent, *writes],
    )
    with pytest.raises(SystemExit) as ended:
        crash.main()
    assert ended.value.code == 0
