"""A study's trials share a GPU: real Ray and real workers; the GPU alone is faked."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import sys
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import eisnn
from study.agenda.recovery import open_agenda
from study.errors import RayLost
from study.execution import ray_settings
from study.execution.display import Display
from study.execution.execute import execute
from study.execution.probes import Known
from study.forecast import machine
from study.request import from_file
from study.store.records import Order, Outcome
from study.worker import trial
from tests.study.execution.faked import TOTAL, metered, only_replicates, seen

Tree = dict[str, Any]


def train_on(log: Path, company: int) -> Callable[..., Outcome]:
    """What a worker runs in place of training: `study.worker.trial.run` on a GPU that only says
    what was asked of it.

    The first ``company`` trials wait for each other, so that they run together. Trials of one arm
    run out of memory below half a GPU; the others of that company end only when the driver has
    learned of it.
    """

    def train(job: Order, report: Any) -> Outcome:
        import random
        import time
        import unittest.mock

        def wait(condition: Any) -> None:
            end = time.monotonic() + 600
            while not condition():
                assert time.monotonic() < end
                time.sleep(0.02)

        def note(event: str, **facts: Any) -> None:
            with open(log, "a") as file:
                file.write(
                    json.dumps({"event": event, "arm": arm, "id": job.id, "gpu": job.gpu, **facts})
                    + "\n"
                )

        def fit(config: Any, **options: Any) -> Tree:
            note(
                "start",
                visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
                fractions=asked,
                options=sorted(options),
                pid=os.getpid(),
            )
            first = log.read_text().splitlines()[:company]
            wait(lambda: log.read_text().count('"start"') >= company)
            try:
                if arm == "no_scaling" and job.gpu < 0.5:
                    raise MemoryError("CUDA out of memory")
                if any(job.id in line for line in first):
                    shares = Path(job.folder).parents[1] / "shares.json"
                    wait(lambda: "no_scaling" in json.loads(shares.read_text())["raised"])
            finally:
                note("end")
            value = random.Random(job.id).random()
            options["report"]({"epoch": 1, "val/accuracy": value, "val/loss": 1.0, "seconds": 0.1})
            return {"epoch": 1, "val/accuracy": value, "test/accuracy": value}

        assert job.role is not None
        arm, asked = job.role.arm, list[float]()
        memory = SimpleNamespace(
            empty_cache=lambda: None,
            mem_get_info=lambda: (0, TOTAL * 2**20),
            set_per_process_memory_fraction=asked.append,
        )
        torch = SimpleNamespace(cuda=memory, set_num_threads=lambda number: None)

        def on_faked(call: Any) -> Any:
            call = getattr(call, "__wrapped__", call)  # an earlier trial was here

            @functools.wraps(call)
            def called(job: Order) -> Any:
                with unittest.mock.patch.dict(sys.modules, torch=torch):
                    return call(job)

            return called

        trial._take_share, trial._for_images, eisnn.fit = (
            on_faked(trial._take_share),
            on_faked(trial._for_images),
            fit,
        )
        return trial.run(job, report)

    return train


def drive(space: str, folder: Path, log: Path, output: Path) -> None:
    """The study in a process of its own, for Ray reads its settings when it is imported."""
    os.environ.update({**ray_settings.SETTINGS, **ray_settings.LOCAL_SETTINGS})
    os.environ.setdefault("RAY_AUTH_TOKEN", "0" * 64)
    import ray

    (folder / "trials").mkdir(parents=True)
    agenda = open_agenda(folder, from_file(Path(space)).plan()).agenda
    with (
        output.open("w") as stream,
        unittest.mock.patch.object(machine, "cpus", return_value=4),
        unittest.mock.patch.object(ray, "init", functools.partial(ray.init, num_gpus=1)),
    ):
        lost = None
        for _ in range(10):  # on a busy machine Ray may not come up in its 30 s
            try:
                execute(
                    agenda, Display(Console(file=stream, width=1000)), environment="",
                    max_concurrent=4, train=train_on(log, company=4), meter=metered, look=seen,
                )  # fmt: skip
                break
            except RayLost as error:
                lost = error
    assert agenda.finished, lost
    ends = {key: (row["state"], row["reason"]) for key, row in agenda.tables.rows.items()}
    assert set(ends.values()) == {("completed", None)}, ends


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_arms_share_a_gpu_by_what_was_measured_and_learn_from_running_out(
    study_tree: Tree, write: Any, tmp_path: Path
) -> None:
    space = write(only_replicates(study_tree, arms={"unshared": {"gpu": 0}}))
    folder, log, output = tmp_path / "results", tmp_path / "log", tmp_path / "output"
    driver = multiprocessing.get_context("spawn").Process(
        target=drive, args=(str(space), folder, log, output)
    )
    driver.start()
    driver.join()
    assert driver.exitcode == 0, output.read_text()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert_never_too_many(events)

    starts = [event for event in events if event["event"] == "start"]
    assert [event["gpu"] for event in starts[:4]] == [
        0.25,
        0.25,
        0.5,
        0,
    ]  # together: the first four waited for each other
    assert {(event["arm"], event["gpu"]) for event in starts} == {
        ("full", 0.25), ("bn", 0.5), ("unshared", 0), ("no_scaling", 0.25), ("no_scaling", 1),
        ("no_scaling", 0.5),
    }  # fmt: skip
    assert {event["visible"] for event in starts if event["gpu"]} == {"0"}
    assert {event["visible"] for event in starts if not event["gpu"]} == {""}
    assert {tuple(event["fractions"]) for event in starts if event["gpu"] == 0.25} == {
        (0.25 - 600 / TOTAL,)
    }
    assert {tuple(event["fractions"]) for event in starts if not event["gpu"]} == {()}
    assert all(("images_on_device" in event["options"]) == bool(event["gpu"]) for event in starts)

    text = output.read_text()
    assert (
        "full, no_scaling: 4,000 MB measured, 4,800 MB with 20% headroom, of 24,000 MB: 4 trials to"
        " a GPU (4 is" in text
    )
    assert (
        "bn: 9,000 MB measured, 10,800 MB with 20% headroom, of 24,000 MB: 2 trials to a GPU"
        in text
    )
    assert "no_scaling: 0.25 of a GPU was too little memory; its trials now get 0.5" in text
    assert Known(folder).raised == {"no_scaling": {"gpu": 0.5}}


def assert_never_too_many(events: list[Tree]) -> None:
    """At no time more than one GPU was given away, and the trial that was tried again alone was
    alone."""
    running: dict[str, float] = {}
    for event in events:
        if event["event"] == "end":
            del running[event["id"]]
            continue
        running[event["id"]] = event["gpu"]
        assert sum(running.values()) <= 1
        assert len(running) == 1 or (event["arm"], event["gpu"]) != ("no_scaling", 1)
