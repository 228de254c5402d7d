"""What a study remembers of its trials' memory. No GPU: a probe is a function here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from study.execution.fractions import Footprint, why
from study.execution.probes import Known, measure, shares

Tree = dict[str, Any]


def test_a_probe_is_run_once_and_its_outcome_kept(
    plan_of: Any, study_tree: Tree, tmp_path: Path
) -> None:
    plan, asked, said = plan_of(study_tree), list[Tree](), list[str]()

    def probe(tree: Tree) -> dict[str, float]:
        asked.append(tree)
        peak = 9000.0 if tree["circuit"] is None else 4000.0
        return {"peak_mb": peak, "context_mb": 500.0, "total_mb": 24_000.0}

    assert measure(Known(tmp_path), "A", plan.arms, probe, said.append) == set()
    assert len(asked) == 3
    assert said == ["measuring the GPU memory of 3 kinds of network"]
    assert measure(Known(tmp_path), "A", plan.arms, probe, said.append) == set()
    assert len(asked) == 3
    given = shares(Known(tmp_path), "A", plan.arms, most=8)
    assert {arm: share.fraction for arm, share in given.items()} == {
        "full": 0.2,
        "no_straight_through": 0.2,
        "bn": 0.5,
    }
    assert given["bn"].context_mb == 500.0
    assert given["bn"].reason == why(Footprint(9000, 500, 24_000), 2, 8)
    measure(Known(tmp_path), "B", plan.arms, probe, said.append)  # another kind of GPU
    assert len(asked) == 6


def test_how_busy_one_trial_keeps_the_device_decides_too_and_is_kept(
    plan_of: Any, study_tree: Tree, tmp_path: Path
) -> None:
    plan = plan_of(study_tree)

    def probe(tree: Tree) -> dict[str, float]:
        busy = 0.9 if tree["circuit"] is None else 0.4
        return {"peak_mb": 1000.0, "context_mb": 500.0, "total_mb": 24_000.0, "busy": busy}

    measure(Known(tmp_path), "A", plan.arms, probe, print)
    kept = json.loads((tmp_path / "shares.json").read_text())["probes"]["A"].values()
    assert sorted(entry["busy"] for entry in kept) == [0.4, 0.4, 0.9]
    given = shares(Known(tmp_path), "A", plan.arms, most=16)
    assert given["full"].fraction == 1 / 3  # memory alone would hold 20
    assert given["bn"].fraction == 1.0
    assert given["bn"].reason.endswith("1 trial to a GPU (more would only wait for each other)")


def test_what_was_measured_before_a_probe_failed_is_kept_and_the_rest_gets_a_whole_gpu(
    plan_of: Any, study_tree: Tree, tmp_path: Path
) -> None:
    plan, said = plan_of(study_tree), list[str]()

    def probe(tree: Tree) -> dict[str, float]:
        if tree["circuit"] is None:
            raise MemoryError("trace\nCUDA out of memory")
        return {"peak_mb": 4000.0, "context_mb": 500.0, "total_mb": 24_000.0}

    failed = measure(Known(tmp_path), "A", plan.arms, probe, said.append)
    assert said[1:] == [
        "a probe failed, so trials of its kind get a whole GPU: MemoryError: CUDA out of memory"
    ]
    given = shares(Known(tmp_path), "A", plan.arms, 8, failed)
    assert {arm: share.fraction for arm, share in given.items()} == {
        "full": 0.2,
        "no_straight_through": 0.2,
        "bn": 1.0,
    }


def test_a_shape_beyond_the_last_probe_counts_as_the_largest_measured(
    plan_of: Any, study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["baselines"] = {
        f"wide{width}": {"model.width": width / 20} for width in range(2, 25)
    }
    plan = plan_of(study_tree)

    def probe(tree: Tree) -> dict[str, float]:
        return {"peak_mb": 10_000 * tree["model"]["width"], "context_mb": 0.0, "total_mb": 60_000.0}

    measure(Known(tmp_path), "A", plan.arms, probe, lambda text: None)
    given = shares(Known(tmp_path), "A", plan.arms, 100)
    assert (given["wide24"].fraction, given["wide12"].fraction, given["full"].fraction) == (
        1 / 4,
        1 / 8,
        1 / 4,
    )


def test_lessons_only_grow_and_survive(tmp_path: Path) -> None:
    known = Known(tmp_path)
    known.learn("bn", "gpu", 0.5)
    known.learn("bn", "gpu", 0.25)
    known.learn("bn", "memory_gb", 8.0)
    assert Known(tmp_path).raised == {"bn": {"gpu": 0.5, "memory_gb": 8.0}}
    assert json.loads((tmp_path / "shares.json").read_text())["probes"] == {}
