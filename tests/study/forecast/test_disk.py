"""Room on the disk: the estimate against what studies leave behind, and a disk that fills up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eisnn.config.trial import resolved, trial_id
from study import store
from study.errors import Stopped
from study.forecast import building, disk
from study.plan.plan import Plan
from study.request import from_file
from study.worker import trial
from tests.tiny import fill

Tree = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]


def real_job(plan: Plan, folder: Path, seed: int = 1000) -> store.Order:
    config = plan.reference.config({"circuit.init.gain": 1.0, "train.learning_rate": 0.01}, seed)
    identity = trial_id(config)
    return store.Order(
        identity,
        resolved(config),
        folder=str(folder / identity),
        role=store.Role("full", store.Kind.REPLICATE, 0),
        test=True,
        diagnose="distributions",
    )


def test_the_estimate_is_what_a_replicate_leaves(
    plan_of: Callable[[Tree], Plan], study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["diagnostics"], study_tree["overrides"] = "distributions", {"model.width": 1.0}
    plan = plan_of(study_tree)
    job = real_job(plan, tmp_path)
    assert trial.run(job, lambda row: None).state == "completed"
    left = sum(path.stat().st_size for path in Path(job.folder).iterdir())
    sizes = building.begin(plan)()
    searches = {(arm.name, "search", 0, number): {} for arm in plan.arms for number in range(2)}
    others = {(arm.name, "replicate", 0, number): {} for arm in plan.arms for number in range(2)}
    del others[("full", "replicate", 0, 0)]
    estimated = disk.to_keep(plan, sizes, {**searches, **others})
    assert 0.8 * left < estimated < 1.5 * left, (estimated, left)
    assert disk.at_work(plan, sizes, 3) == 2 * 3 * 3 * max(sizes.values())


def test_too_little_room_is_said_before_anything_starts(
    without_ray: Any, study_tree: Tree, monkeypatch: Any, capsys: Any
) -> None:
    study = without_ray(study_tree)
    monkeypatch.setattr(store, "free_bytes", lambda folder: disk.RESERVE + 1000)
    code, _ = study.run()
    assert code == 3
    assert "32.0 MB are free on this disk, and the study needs about 32." in capsys.readouterr().err
    assert study.trained == []
    monkeypatch.undo()
    assert study.run()[0] == 0


@pytest.mark.parametrize(
    ("moment", "leave"),
    [("first checkpoint", 40_000), ("later checkpoint", 0), ("log", 4096), ("nothing at all", 0)],
)
def test_a_disk_that_fills_up(
    plan_of: Callable[[Tree], Plan],
    study_tree: Tree,
    small: Path,
    tmp_path: Path,
    moment: str,
    leave: int,
) -> None:
    """The trial fails with that reason, the driver hears of it although nothing can be written, and
    it goes on once there is room."""
    plan = plan_of(study_tree)
    undisturbed = trial.run(real_job(plan, tmp_path), lambda row: None).metrics
    job, seen = real_job(plan, small), []

    def report(row: dict[str, Any]) -> None:
        seen.append(row["epoch"])
        if moment == "later checkpoint":
            fill(small, leave)

    if moment != "later checkpoint":
        fill(small, leave)
    state = trial.run(job, report)
    assert (state.state, state.cause, state.again) == ("failed", "disk_full", True), state
    assert "No space left on device" in state.reason
    assert [path for path in small.rglob("*.tmp") if path.stat().st_size] == []
    os.remove(small / "ballast")
    again = trial.run(job, lambda row: None)
    assert again.state == "completed"
    clocks = ("seconds", "seconds_per_epoch", "peak_memory_mb")
    assert {k: v for k, v in again.metrics.items() if k not in clocks} == {
        k: v for k, v in undisturbed.items() if k not in clocks
    }


def test_a_full_disk_has_no_room(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="GB are free on this disk, and the study needs about"):
        disk.check(tmp_path, 2**60)


COUNT = """
import json, pathlib, sys
from study import request
from study.forecast import building
if __name__ == "__main__":
    plan = request.from_file(pathlib.Path("search_spaces/ei_ablation.yaml")).plan()
    print(json.dumps([building.begin(plan)(), "torch" in sys.modules]))
"""


def test_the_driver_does_not_keep_torch_for_the_estimate(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(COUNT)
    command, environment = (
        [sys.executable, str(tmp_path / "count.py")],
        {**os.environ, "PYTHONPATH": str(ROOT)},
    )
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    elsewhere, loaded = json.loads(done.stdout)
    assert not loaded
    import torch  # noqa: F401 - where it is loaded already, nothing is started for it

    assert (
        elsewhere == building.begin(from_file(ROOT / "search_spaces" / "ei_ablation.yaml").plan())()
    )
