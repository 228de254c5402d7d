"""What a trial gets of machines as Ray would describe them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.agenda.job import Job
from study.execution.fractions import Footprint
from study.execution.portion import Portion
from study.execution.probes import Known
from study.execution.shares import Share
from study.store.records import Kind, Role
from study.worker.gpu import Gpu
from tests.study.execution.faked import metered, only_replicates

Tree = dict[str, Any]


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


def test_a_gpu_that_pytorch_cannot_use_means_the_cpu_said_once(
    plan_of: Any, study_tree: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    import ray

    found = Gpu(problem="PyTorch 2.14.0+cpu is built for the CPU only")
    node = {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    here = SimpleNamespace(remote=lambda *_: found)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda call: here)
    monkeypatch.setattr(ray, "get", lambda found, **_: found)
    said: list[str] = []

    def no_probe(order: Any) -> dict[str, float]:
        raise AssertionError("nothing is measured on a GPU that is not used")

    share = Share(plan_of(study_tree), tmp_path, None, no_probe, said.append)
    assert said == [f"the GPU is not used: {found.problem}; trials run on the CPU"]
    assert {portion.gpu for portion in share.portions.values()} == {0.0}
    assert share.text() == "4 trials at once, 1 thread each, on the CPU"
    assert not share.has_company
