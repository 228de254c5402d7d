"""What loggers wrote, read back from their own files. Real Ray, Tune's own callbacks."""

from __future__ import annotations

import importlib.util
import re
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from study import store
from study.execution.logger_runs import Run
from study.execution.loggers import Feed
from tests.study.execution.one_run import run
from tests.tiny import THREE_EPOCHS, write

ROOT = Path(__file__).resolve().parents[3]

STUDY = {
    "name": "logged",
    "base": "base.yaml",
    "baselines": {"bn": {"model.norm": "bn"}},
    "replicate": {"seeds": 1},
}


Steps = dict[str, list[tuple[int, float]]]  # metric -> (step, value) in the order of writing


def events(folder: Path) -> Iterator[Any]:
    """A TensorBoard folder's events: records of length, its checksum, the event, and its
    checksum."""
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            yield Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]


def scalars(folder: Path) -> Steps:
    found: Steps = defaultdict(list)
    for event in events(folder):
        for value in event.summary.value:
            if not value.metadata.plugin_data.plugin_name:
                found[value.tag].append((event.step, value.simple_value))
    return found


def hyperparameters(folder: Path) -> dict[str, Any]:
    for event in events(folder):
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                start = HParamsPluginData.FromString(
                    value.metadata.plugin_data.content
                ).session_start_info
                return {
                    name: getattr(item, item.WhichOneof("kind"))
                    for name, item in start.hparams.items()
                }
    return {}


def logged(feed: Feed, told: Run, epochs: int, *, end: bool) -> None:
    feed.start()
    feed.events.put(("start", told, ()))
    for epoch in range(1, epochs + 1):
        feed.events.put(("result", told, (epoch, {"val/accuracy": epoch / 10})))
    if end:
        feed.events.put(("end", told, (False,)))
    feed.close(60)


def test_epochs_told_again_after_a_crash_stand_there_once(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "tensorboard"
    logged(Feed("tensorboard", "study", tmp_path, print), run(folder), 2, end=False)
    logged(Feed("tensorboard", "study", tmp_path, print), run(folder), 3, end=True)
    found = scalars(folder / "full" / "search-0")
    assert {tag: [step for step, _ in values] for tag, values in found.items()} == {
        "val/accuracy": [1, 2, 3]
    }
    assert hyperparameters(folder / "full" / "search-0") == {
        "arm": "full",
        "train.learning_rate": 0.1,
        "seed": 0,
    }


def test_a_real_study_logs_what_it_can_and_never_fails_by_it(tmp_path: Path) -> None:
    """A file lies where the log of arm bn should be: that arm goes without."""
    space, place = (
        write(tmp_path, {**STUDY, "loggers": ["tensorboard"]}, THREE_EPOCHS),
        tmp_path / "results" / "logged",
    )
    logs = place / "logs" / "tensorboard"
    logs.mkdir(parents=True)
    (logs / "bn").write_text("in the way")
    (place / "plan.json").write_text("{}")
    line = [
        sys.executable,
        str(ROOT / "run_study.py"),
        "--space",
        str(space),
        "--results",
        str(place.parent),
        "--max-concurrent",
        "1",
    ]
    result = subprocess.run(
        line, capture_output=True, text=True, check=False, cwd=ROOT, timeout=280
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("the tensorboard logger lost bn/replicate/0") == 1
    assert (
        "the tensorboard logger lost bn/replicate/0\nTraceback" in (place / "log.txt").read_text()
    )
    trials, epochs = store.trials_frame(place), store.epochs_frame(place)
    assert trials["state"].tolist() == ["completed", "completed"]
    found = scalars(logs / "full" / "replicate-0")
    full = trials[trials["arm"] == "full"].iloc[0]
    for name in store.EPOCH_METRICS:
        wanted = epochs[epochs["id"] == full["id"]][["epoch", name]]
        assert found[name] == [
            (epoch, pytest.approx(value, rel=1e-6))
            for epoch, value in wanted.itertuples(index=False)
        ], name
    assert found["test/accuracy"] == [(3, pytest.approx(full["test/accuracy"]))]
    config = hyperparameters(logs / "full" / "replicate-0")
    assert config["trial"] == full["id"]
    assert (config["arm"], config["model.norm"], config["train.epochs"], config["seed"]) == (
        "full",
        "ei",
        3,
        1000,
    )


def mlflow_steps(place: Path) -> dict[str, Steps]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{place / 'logs' / 'mlflow' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("logged").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    return {
        run.info.run_name: {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        for run in runs
    }


def wandb_records(path: Path) -> Iterator[Any]:
    """An offline run's records: a header of 7 bytes, then blocks of 32 KiB that hold whole records
    or parts of them."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, record = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        size, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        record += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(record)
            record = b""


def wandb_steps(place: Path) -> dict[str, Steps]:
    found: dict[str, Steps] = {}
    for path in place.glob("logs/wandb/*/*/wandb/offline-run-*/run-*.wandb"):
        name, steps = "", defaultdict(list)
        for record in wandb_records(path):
            name = record.run.display_name or name
            items = {
                item.key or "/".join(item.nested_key): float(item.value_json)
                for item in record.history.item
            }
            for key, value in items.items():
                steps[key].append((int(items["training_iteration"]), value))
        assert name not in found, "one run per trial"
        found[name] = steps
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_loggers_after_a_kill_hold_every_epoch_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("mlflow", "wandb")):
        pytest.skip("needs the extras mlflow and wandb")
    spec = importlib.util.spec_from_file_location("crash", ROOT / "benchmarks" / "crash.py")
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setitem(sys.modules, "crash", crash := importlib.util.module_from_spec(spec))
    spec.loader.exec_module(crash)
    monkeypatch.setenv("WANDB_MODE", "offline")
    long = {**THREE_EPOCHS, "train": {**THREE_EPOCHS["train"], "epochs": 60}}
    space, place = (
        write(tmp_path, {**STUDY, "loggers": ["tensorboard", "mlflow", "wandb"]}, long),
        tmp_path / "results" / "logged",
    )
    process, end = crash.start(space, "--max-concurrent", "1"), time.monotonic() + 600
    while len(
        list(place.glob("logs/wandb/full/replicate-0/wandb/offline-run-*"))
    ) < 1 or not crash.histories(place):
        assert process.poll() is None, (tmp_path / "output.txt").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    crash.kill_tree(process)
    interrupted = {identity: len(rows) for identity, rows in crash.histories(place).items()}
    assert crash.start(space, "--max-concurrent", "1").wait(900) == 0, (
        tmp_path / "output.txt"
    ).read_text()
    output = (tmp_path / "output.txt").read_text()
    assert not re.search(r"the \w+ logger (lost|could|has|did)", output), output
    assert next(iter(interrupted.values())) in range(1, 60)

    trials, epochs = store.trials_frame(place), store.epochs_frame(place)
    tensorboard = {
        f"{arm}/replicate/0": scalars(place / "logs" / "tensorboard" / arm / "replicate-0")
        for arm in ("full", "bn")
    }
    for found in (tensorboard, mlflow_steps(place), wandb_steps(place)):
        assert sorted(found) == ["bn/replicate/0", "full/replicate/0"]
        for name, steps in found.items():
            row = trials[trials["arm"] == name.split("/")[0]].iloc[0]
            wanted = pd.Series(epochs[epochs["id"] == row["id"]].set_index("epoch")["val/accuracy"])
            assert steps["val/accuracy"] == [
                (epoch, pytest.approx(value, rel=1e-6)) for epoch, value in wanted.items()
            ]
            assert steps["test/accuracy"] == [(60, pytest.approx(row["test/accuracy"], rel=1e-6))]
