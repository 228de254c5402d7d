"""optuna-dashboard over a real study's optuna.db: what its JSON API shows is what trials.csv
says."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study import store
from tests.tiny import THREE_EPOCHS, write

ROOT = Path(__file__).resolve().parents[2]
STUDY = {
    "name": "shown",
    "base": "base.yaml",
    "parameters": {
        "train.learning_rate": {"type": "float", "low": 1e-4, "high": 10.0, "log": True}
    },
    "search": {
        "trials": 5,
        "startup": 2,
        "pruner": {"type": "asha", "grace_epochs": 1, "reduction_factor": 2},
    },
    "baselines": {"bn": {"model.norm": "bn"}},
    "replicate": {"seeds": 1},
}
STATES = {"completed": "Complete", "pruned": "Pruned", "diverged": "Fail"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        importlib.util.find_spec("optuna_dashboard") is None, reason="needs the extra dashboard"
    ),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    space = write(folder, STUDY, THREE_EPOCHS)
    command = [
        sys.executable,
        str(ROOT / "run_study.py"),
        "--space",
        str(space),
        "--results",
        str(folder),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "shown"


@pytest.fixture(scope="module")
def address(results: Path) -> Iterator[str]:
    """The documented command on a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [
        str(program),
        f"sqlite:///{results}/optuna.db",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 120
    try:
        while True:
            try:
                get(f"http://127.0.0.1:{port}/api/studies")
                break
            except OSError:
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < end
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def test_every_search_and_its_trials_are_shown(address: str, results: Path) -> None:
    names = {
        arm["name"]: arm["optuna_study"] for arm in store.read_json(results / "plan.json")["arms"]
    }
    shown = {
        study["study_name"]: study for study in get(f"{address}/api/studies")["study_summaries"]
    }
    assert sorted(shown) == sorted(names.values())
    trials = store.trials_frame(results)
    searched = trials[trials["kind"] == "search"]
    for arm, name in names.items():
        assert shown[name]["directions"] == ["maximize"]
        found = {
            trial["number"]: trial
            for trial in get(f"{address}/api/studies/{shown[name]['study_id']}")["trials"]
        }
        rows = searched[searched["arm"] == arm].set_index("number")
        assert sorted(found) == sorted(rows.index) == [0, 1, 2, 3, 4]
        for number, row in rows.iterrows():
            trial = found[number]
            assert trial["state"] == STATES[row["state"]]
            assert {item["key"]: item["value"] for item in trial["user_attrs"]}["id"] == row["id"]
            (parameter,) = trial["params"]
            assert parameter["name"] == "train.learning_rate"
            assert float(parameter["param_external_value"]) == pytest.approx(
                row["train.learning_rate"], rel=1e-12
            )
            if row["state"] == "completed":
                assert trial["values"] == [pytest.approx(row["val/accuracy"])]
            if row["state"] != "diverged":
                assert [item["step"] for item in trial["intermediate_values"]] == list(
                    range(1, row["epochs"] + 1)
                )
