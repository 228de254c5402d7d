"""Trials that share GPUs: real Ray and real worker processes, the GPUs alone are faked (Ray is told
of them), and their memory."""

from __future__ import annotations

import contextlib
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
from eisnn.config.yaml_file import ConfigError
from study.agenda.job import Job
from study.agenda.recovery import open_agenda
from study.errors import RayLost
from study.execution import ray_settings
from study.execution.display import Display
from study.execution.execute import execute
from study.execution.fractions import Footprint
from study.execution.portion import Portion
from study.execution.probes import Known
from study.execution.shares import Share
from study.forecast import machine
from study.plan.plan import make_plan
from study.spec.reading import load_spec
from study.store.records import Kind, Order, Outcome, Role
from study.worker import trial

Tree = dict[str, Any]
TOTAL = 24_000.0
PEAKS = {"ei": 4000.0, "bn": 9000.0}  # 1/4 each as 4 CPUs serve no more, and 1/2


def seen() -> dict[str, Any]:
    """A worker's look at a GPU that is not there."""
    return {"name": "NVIDIA A100", "total_mb": TOTAL}


def metered(job: Order) -> dict[str, float]:
    return {
        "peak_mb": PEAKS[job.config["model"]["norm"]],
        "context_mb": 600.0,
        "total_mb": TOTAL,
    }


def only_replicates(tree: Tree, **resources: Any) -> Tree:
    """The study without its search, with a factor that leaves memory as it is, a third kind of
    network, and these resources."""
    tree.update(
        tune="none",
        resources=resources,
        ablation={"factors": {"scaling": {"circuit.prop.grad_scale_exponent": 0.0}}},
    )
    tree["baselines"]["unshared"] = {"model.norm": "none"}
    return tree


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
    agenda = open_agenda(folder, make_plan(load_spec(space), space)).agenda
    with (
        output.open("w") as stream,
        unittest.mock.patch.object(machine, "cpus", return_value=4),
        unittest.mock.patch.object(ray, "init", functools.partial(ray.init, num_gpus=1)),
    ):
        for _ in range(
            10
        ):  # on a busy machine Ray may not come up within the 30 s that it gives itself
            with contextlib.suppress(RayLost):
                execute(
                    agenda, Display(Console(file=stream, width=1000)), environment="",
                    max_concurrent=4, train=train_on(log, company=4), meter=metered, look=seen,
                )  # fmt: skip
                break
    assert agenda.finished
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


# ---- the same decisions without processes


@pytest.fixture
def share_of(
    plan_of: Any, study_tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Share]:
    """A Share over machines as Ray would describe them."""
    import ray

    def share(
        *nodes: Tree,
        said: list[str] | None = None,
        limit: int | None = None,
        probes: Tree | None = None,
        **resources: Any,
    ) -> Share:
        plan = plan_of(only_replicates(study_tree, **resources))
        monkeypatch.setattr(
            ray, "nodes", lambda: [{"Alive": True, "Resources": node} for node in nodes]
        )
        for kind, footprint in (probes or {}).items():
            for arm in plan.arms:
                Known(tmp_path).add(kind, arm.config({}, 0), footprint)
        return Share(plan, tmp_path, limit, metered, (said if said is not None else []).append)

    return share


def job_of(arm: str, **fields: Any) -> Job:
    return Job("", Role(arm, Kind.REPLICATE, 0), 0, {}, **fields)


@pytest.mark.parametrize(
    ("nodes", "resources", "trials", "text"),
    [
        (
            [{"CPU": 8.0}],
            {"cpu": 1},
            8,
            "8 trials at once, 1 thread each, on the CPU (there is no GPU)",
        ),
        (
            [{"CPU": 8.0}],
            {"cpu": 3},
            2,
            "2 trials at once, 3 threads each, on the CPU (there is no GPU)",
        ),
        (
            [{"CPU": 3.0}, {"CPU": 3.0}],
            {"cpu": 2},
            2,
            "2 trials at once, 2 threads each, on the CPU (there is no GPU)",
        ),
        (
            [{"CPU": 8.0, "memory": 9.5 * 2**30}],
            {"memory_gb": 3},
            3,
            "3 trials at once, 1 thread each, on the CPU (there is no GPU)",
        ),
        (
            [{"CPU": 16.0, "GPU": 2.0}],
            {"gpu": 0.3},
            6,
            "6 trials at once, 1 thread each, 0.3 GPU each",
        ),
        ([{"CPU": 16.0, "GPU": 2.0}], {"gpu": 1}, 2, "2 trials at once, 1 thread each, 1 GPU each"),
        (
            [{"CPU": 4.0, "GPU": 2.0}],
            {"gpu": 0.1},
            4,
            "4 trials at once, 1 thread each, 0.1 GPU each",
        ),
        (
            [{"CPU": 16.0, "GPU": 2.0}],
            {"gpu": 0},
            16,
            "16 trials at once, 1 thread each, on the CPU",
        ),
        # 3 of 4 arms at 1/2 (4 fit), one at 1 (2 fit): 4 / (3/4 + 1/2)
        (
            [{"CPU": 16.0, "GPU": 2.0}],
            {"gpu": 0.5, "arms": {"bn": {"gpu": 1}}},
            3,
            "3 trials at once, 1 thread each, 0.5 or 1 GPU each",
        ),
    ],
)
def test_as_many_trials_run_as_machines_can_hold(
    share_of: Any, nodes: list[Tree], resources: Tree, trials: int, text: str
) -> None:
    share = share_of(*nodes, **resources)
    assert (share.concurrency(), share.text()) == (trials, text)


def test_there_is_room_until_the_machine_is_full(share_of: Any) -> None:
    share = share_of({"CPU": 8.0, "GPU": 1.0}, gpu=0.25, arms={"bn": {"gpu": 0.5}})
    small, big = share.of(job_of("full")), share.of(job_of("bn"))
    assert share.room([]) and share.room([big, small])  # noqa: PT018
    assert not share.room([big, small, small])
    assert not share.room([small] * 4)
    assert share.room([small] * 3)
    assert not share_of({"CPU": 8.0}, limit=2).room([Portion(1.0)] * 2)


def test_without_a_gpu_nothing_is_measured(share_of: Any) -> None:
    said: list[str] = []
    assert share_of({"CPU": 2.0}, said=said).of(job_of("full")) == Portion(cpu=1.0)
    assert said == []


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (
            {"gpu": 0.5},
            (
                "resources.gpu: a trial of full asks for 0.5 GPU and the largest machine has 0;"
                " give gpu: 0 or auto"
            ),
        ),
        (
            {"arms": {"bn": {"gpu": 1}}},
            (
                "resources.arms.bn.gpu: a trial of bn asks for 1 GPU and the largest machine has 0;"
                " give gpu: 0 or"
            ),
        ),
        (
            {"cpu": 4},
            "resources.cpu: a trial of full asks for 4 CPUs and the largest machine has 2",
        ),
        (
            {"memory_gb": 32},
            (
                "resources.memory_gb: a trial of full asks for 32 GB of memory and the largest"
                " machine has 8"
            ),
        ),
    ],
)
def test_what_no_machine_can_give_is_refused(share_of: Any, resources: Tree, message: str) -> None:
    with pytest.raises(ConfigError) as stopped:
        share_of({"CPU": 2.0, "memory": 8.0 * 2**30}, **resources)
    assert str(stopped.value).startswith(message)


def test_a_fraction_that_is_known_to_be_too_small_is_refused_with_the_arithmetic(
    share_of: Any,
) -> None:
    known = {"A100": Footprint(4000, 500, 24_000)}
    nodes = {"CPU": 8.0, "GPU": 1.0, "accelerator_type:A100": 1.0}
    with pytest.raises(
        ConfigError,
        match=(
            r"resources\.arms\.bn\.gpu: 0\.1 of a GPU's 24,000 MB is 2,400 MB, and the probe"
            r" measured a peak of"
        ),
    ):
        share_of(nodes, probes=known, gpu=0.5, arms={"bn": {"gpu": 0.1}})
    assert (
        share_of({**nodes, "accelerator_type:A100": 0.0, "accelerator_type:H100": 1.0}, gpu=0.1)
        .portions["bn"]
        .gpu
        == 0.1
    )


def test_a_trial_that_ran_out_is_tried_alone_with_more_and_its_arm_gets_more(share_of: Any) -> None:
    said: list[str] = []
    share = share_of({"CPU": 8.0, "GPU": 1.0}, said=said, gpu=0.125)
    share.ran_out(job_of("bn"), share.of(job_of("bn")))
    share.ran_out(job_of("bn"), Portion(1.0, 0.125))  # one that had started before
    assert share.of(job_of("bn")).gpu == 0.25
    assert share.of(job_of("bn", alone=True)).gpu == 1
    assert share.of(job_of("full")).gpu == 0.125
    assert said[-1] == "bn: 0.125 of a GPU was too little memory; its trials now get 0.25"


def test_on_the_cpu_the_limit_doubles_up_to_the_machines_memory(share_of: Any) -> None:
    share = share_of({"CPU": 8.0, "memory": 10 * 2.0**30}, memory_gb=3)
    for expected in (6.0, 10.0, 10.0):
        share.ran_out(job_of("bn"), share.of(job_of("bn")))
        assert share.of(job_of("bn")).memory_gb == expected
    assert share.of(job_of("full")).memory_gb == 3


def test_memory_over_the_limit_is_an_out_of_memory(tmp_path: Path) -> None:
    """A real limit of a real process: `_take_share` in a child."""
    import subprocess

    code = (
        "import json, sys\nfrom study.store.records import Order\nfrom study.worker import"
        " trial\ntrial._take_share(Order('x', {}, memory_gb=1.0))\nimport torch\ntry:\n   "
        " torch.ones(2**29)\nexcept Exception as error:\n    print(trial.cause_of(error)[0],"
        " torch.get_num_threads())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == ["out_of_memory", "1"]
