"""Two processes over one study: an orphan that still trains what a resumed study wants, and reports
that read while the study writes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.analysis.collect import read_study
from study import store
from study.worker import trial
from tests.study.orders import order_of

# A worker that says each epoch and, where asked, then waits for the word to go on, with the trial's
# folder in its hands.
WORKER = """
import json, sys, time
from study.store.records import Order
from study.worker import trial
def say(word, **more):
    print(json.dumps({"word": word, "at": time.monotonic(), **more}), flush=True)
def report(row):
    say("epoch", epoch=row["epoch"])
    if row["epoch"] == int(sys.argv[2]):
        sys.stdin.readline()
say("asks")
state = trial.run(Order.from_json(json.loads(sys.argv[1])), report)
say("ends", state=state.to_json())
"""


class Worker:
    """`study.worker.trial.run` in a process of its own, which stops after the epoch ``hold`` until
    it is told to go on."""

    def __init__(self, job: store.Order, hold: int = 0) -> None:
        command = [sys.executable, "-c", WORKER, json.dumps(job.to_json()), str(hold)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the worker ended with {self.process.wait()}"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def worker() -> Iterator[Any]:
    started: list[Worker] = []

    def start(*arguments: Any) -> Worker:
        started.append(Worker(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def epochs(folder: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if name != "seconds"}
        for row in store.read_history(folder) or []
    ]


def test_an_orphan_keeps_its_trial_until_it_ends(
    worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it holds the folder a resumed worker writes nothing there: it waits, or gives up; what
    the orphan ends is not trained again."""
    job = order_of(tmp_path)
    folder = Path(job.folder)
    orphan = worker(job, 1)
    assert [orphan.hear()["word"] for _ in range(2)] == ["asks", "epoch"]

    before = contents(folder)
    monkeypatch.setattr(store, "PATIENCE", 0.3)
    with pytest.raises(
        store.StoreError, match=r"another process still trains this trial after 0 s of waiting"
    ):
        trial.run(job, lambda row: None)
    assert contents(folder) == before

    resumed = worker(job)
    resumed.hear()
    orphan.go_on()
    heard = [orphan.hear() for _ in range(3)]
    assert [one.get("epoch") for one in heard] == [2, 3, None]
    again = [resumed.hear() for _ in range(4)]
    assert (
        again[0]["at"] > heard[1]["at"]
    )  # nothing was done before the orphan had trained its last epoch
    assert [one.get("epoch") for one in again] == [1, 2, 3, None]
    assert again[3]["state"] == heard[2]["state"]
    assert (again[3]["state"]["state"], again[3]["state"]["retries"]) == ("completed", 0)


def test_a_killed_orphan_leaves_its_trial_to_the_next(worker: Any, tmp_path: Path) -> None:
    """A worker that waits for it goes on from the last checkpoint, with an undisturbed run's
    numbers."""
    undisturbed = order_of(tmp_path / "undisturbed")
    trial.run(undisturbed, lambda row: None)
    job = order_of(tmp_path / "disturbed")
    folder = Path(job.folder)
    orphan = worker(job, 2)
    assert [orphan.hear()["word"] for _ in range(3)] == ["asks", "epoch", "epoch"]
    resumed = worker(job)
    resumed.hear()
    orphan.process.send_signal(signal.SIGKILL)
    state = [resumed.hear() for _ in range(4)][-1]["state"]
    assert store.Outcome.from_json(state) == store.read_state(folder)
    assert (state["state"], state["retries"]) == ("completed", 1)
    assert epochs(folder) == epochs(Path(undisturbed.folder))
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in Path(undisturbed.folder).iterdir()
    )


# Every version of every file holds one number throughout, so that a mixture of two or a part of one
# shows.
WRITER = """
import sys
from pathlib import Path
from study import store
from study.store.tables import Tables, row_of
folder, identity = Path(sys.argv[1]), "0123456789ab"
trial = store.trial_folder(folder, identity)
trial.mkdir(parents=True)
arms = [{"name": name, "role": "reference", "factors": []} for name in ("full", "bn")]
k = 0
while True:
    k += 1
    value = k / 1024
    tables = Tables(folder, ["full", "bn"], ["circuit.init.gain"])
    row = {"epoch": 1, **dict.fromkeys(store.EPOCH_METRICS, value)}
    for number in range(300):
        metrics = {"val/accuracy": value}
        end = store.Outcome(f"{number:012x}", "completed", seed=k, epochs=1, metrics=metrics)
        arm = "full" if number % 2 else "bn"
        role = store.Role(arm, store.Kind.SEARCH, number, 0, {"circuit.init.gain": value})
        tables.put(role.key, row_of(role, end))
        tables.add_epoch(end.id, row)
    store.write_json(folder / "plan.json", {"study": "s", "arms": arms, "version": [k] * 500})
    tables.write(now=True)
    store.write_history(trial, [{**row, "epoch": epoch} for epoch in range(1, 200)])
    metrics = {f"m{i}": value for i in range(300)}
    store.write_state(trial, store.Outcome(identity, "running", epochs=1, metrics=metrics))
    if k == 1:
        print("written", flush=True)
"""


def test_a_report_never_reads_half_a_file(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        folder = store.trial_folder(tmp_path, "0123456789ab")
        seen: set[float] = set()
        reads = 0
        while (
            len(seen) < 20 or reads < 40
        ):  # so many different versions: the two do go on at the same time
            study = read_study(tmp_path)
            reads += 1
            assert len(study.trials) == len(study.epochs) == 300
            assert (
                set(study.trials["val/accuracy"] * 1024)
                == set(study.trials["seed"])
                == set(study.trials["circuit.init.gain"] * 1024)
            )
            assert study.trials["seed"].nunique() == study.epochs["val/loss"].nunique() == 1
            assert len(set(study.plan["version"])) == 1
            assert len(study.plan["version"]) == 500
            rows, state = store.read_history(folder), store.read_state(folder)
            assert rows is not None
            assert state is not None
            assert len(rows) == 199
            assert len({row["val/loss"] for row in rows}) == len(set(state.metrics.values())) == 1
            seen.add(float(study.trials["seed"].iloc[0]))
            assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
