"""The process that tries a study's networks and data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from benchmarks import crash
from benchmarks.hosts import until
from eisnn.data import cache
from eisnn.data.readers.idx import FILES
from eisnn.errors import ConfigError
from study.forecast import building
from study.plan import Plan
from tests import tiny

ROOT = Path(__file__).parents[3]
Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]
COMMAND = """
import pathlib, sys, time
from study import request
from study.forecast import building
if __name__ == "__main__":
    wait = building.begin(request.from_file(pathlib.Path(sys.argv[1])).plan())
    time.sleep(600)
"""
PATIENCE = 60.0  # seconds


def mnist(folder: Path) -> list[Path]:
    """Writes a dataset of one image for training and one for tests."""
    header = bytes([0, 0, 8])
    image = header + np.array([3, 1, 28, 28], ">u4").tobytes()[3:] + bytes(28 * 28)
    label = header + np.array([1, 1], ">u4").tobytes()[3:] + bytes(1)
    paths = [folder / name for name in FILES]
    for path in paths:
        path.write_bytes(image if "images" in path.name else label)
    return paths


def loads_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def test_it_ends_when_the_command_is_killed_while_the_data_are_waited_for(
    tmp_path: Path, study_tree: dict[str, Any]
) -> None:
    """Its output is the command's, which ends when nobody holds it any more."""
    files = mnist(tmp_path)
    base = {**tiny.BASE, "data": {"name": "mnist", "root": str(tmp_path)}}
    space = tiny.write(tmp_path, study_tree, base)
    (tmp_path / "command.py").write_text(COMMAND)
    (tmp_path / ".eisnn").mkdir()
    with FileLock(tmp_path / ".eisnn" / f"mnist-{cache._fingerprint(files)}.lock"):
        command = subprocess.Popen(
            [sys.executable, str(tmp_path / "command.py"), str(space)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )

        def torch_is_loaded() -> bool:
            return any(loads_torch(pid) for pid, _ in crash.descendants(command.pid))

        assert until(torch_is_loaded, PATIENCE) is not None
        command.kill()
        assert command.communicate(timeout=PATIENCE) == (b"", None)


def test_a_network_that_cannot_be_built_is_one_line(plan_of: PlanOf, study_tree: Tree) -> None:
    study_tree["parameters"]["circuit.ei_ratio"] = {"type": "categorical", "choices": [2, 5000]}
    with pytest.raises(ConfigError) as caught:
        building.begin(plan_of(study_tree))()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert (
        "parameters.circuit.ei_ratio: the value 5000: cannot be built in full, no_str" in lines[0]
    )


BY_NORM = {"tebn": {"model.norm": "tebn"}, "bntt": {"model.norm": "bntt"}}
UNTRAINABLE: dict[str, tuple[Tree, str]] = {
    "steps of norms with weights for each": (
        {"metrics": {"longer": "steps_8"}, "baselines": BY_NORM},
        "metrics.longer: the number of steps cannot be changed here: model.norm: tebn has weights "
        "for each of its 2 steps (in tebn)\n"
        "metrics.longer: the number of steps cannot be changed here: model.norm: bntt has weights "
        "for each of its 2 steps (in bntt)",
    ),
    "steps of a norm that is searched": (
        {
            "metrics": {"longer": "steps_8"},
            "overrides": {"model.norm": "bn"},
            "parameters": {"model.norm": {"type": "categorical", "choices": ["bn", "tebn"]}},
            "ablation": {},
        },
        "parameters.model.norm: the value tebn: cannot be built in full: metrics.longer: the "
        "number of steps cannot be changed here: model.norm: tebn has weights for each of its 2 "
        "steps",
    ),
    "images of another shape": (
        {"overrides": {"model.input_shape": [3, 8, 8]}},
        "base: cannot be built in full, no_straight_through, bn: model.input_shape: must be "
        "[1, 8, 8], as the images of digits are, or be left out, given [3, 8, 8]",
    ),
    "fewer classes than there are": (
        {"overrides": {"model.classes": 7}},
        "base: cannot be built in full, no_straight_through, bn: model.classes: must be at least "
        "10, the number of classes of digits, or be left out, given 7",
    ),
    "a rate that no cell has": (
        {
            "overrides": {"model.norm": "none", "model.init": "spikeinit"},
            "parameters": {"model.init_rate": {"type": "float", "low": 0.1, "high": 0.6}},
            "ablation": {},
            "baselines": {},
        },
        "parameters.model.init_rate: the value 0.6: cannot be built in full: model.init_rate: must "
        "be below 0.5 with init: spikeinit, given 0.6",
    ),
}


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_what_a_trial_would_refuse_at_its_start_is_refused_before(
    plan_of: PlanOf, study_tree: Tree, name: str
) -> None:
    change, message = UNTRAINABLE[name]
    plan = plan_of({**study_tree, **change})
    with pytest.raises(ConfigError) as caught:
        building.begin(plan)()
    assert str(caught.value).replace(f"{plan.where}: ", "") == message


@pytest.mark.parametrize(
    ("overrides", "size"),
    [({"model.width": 20_000}, r"[\d,]+ GB, and this machine has \d+ GB of memory"),
     ({"model.width": 1e6, "model.arch": "VGG", "model.layers": 8}, "more than can be counted")],
)  # fmt: skip
def test_weights_that_the_machine_cannot_hold_are_refused(
    plan_of: PlanOf, study_tree: Tree, overrides: Tree, size: str
) -> None:
    study_tree["overrides"] = overrides
    with pytest.raises(ConfigError, match=f"its weights take {size}; lower model.width"):
        building.begin(plan_of(study_tree))()


def test_other_machines_may_hold_more(plan_of: PlanOf, study_tree: Tree) -> None:
    study_tree["overrides"] = {"model.width": 20_000}
    assert min(building.begin(plan_of(study_tree), here=False)().values()) > 2**40


def test_a_dataset_that_is_not_there_is_said(
    plan_of: PlanOf, study_tree: Tree, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("EISNN_DATA", str(tmp_path / "nowhere"))
    study_tree["overrides"] = {"data.name": "cifar10"}
    with pytest.raises(ConfigError, match="data: cifar10 was not found"):
        building.begin(plan_of(study_tree), download=False)()


COUNTED_IN_VAIN = """
import json, multiprocessing, pathlib, sys
from study import request
from study.forecast import building
if __name__ == "__main__":
    plan = request.from_file(pathlib.Path(sys.argv[1])).plan()
    wait = building.begin(plan)
    process, = multiprocessing.active_children()
    if sys.argv[2] == "drop":
        del wait
        process.join()
        print(process.exitcode)
    else:
        process.kill()
        try:
            wait()
        except building.ConfigError as error:
            print(error)
"""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("drop", f"{-signal.SIGTERM}\n"),
        ("kill", "the process that tries the networks ended with -9"),
    ],
)
def test_the_process_that_tries_networks_ends_with_its_purpose(
    write: Any, study_tree: Tree, tmp_path: Path, how: str, words: str
) -> None:
    """It would keep an interrupted command waiting for a download; and its death is said."""
    (tmp_path / "count.py").write_text(COUNTED_IN_VAIN)
    command = [sys.executable, str(tmp_path / "count.py"), str(write(study_tree)), how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert words in done.stdout
