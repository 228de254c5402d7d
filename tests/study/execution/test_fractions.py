"""The arithmetic of GPU shares, and what a study remembers of them. No GPU: a probe is a function
here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eisnn.config.trial import make_config
from study.execution.fractions import Footprint, larger, trials_per_gpu, why, why_too_small
from study.execution.probes import Known, measure, shares
from study.execution.shapes import MAX_PROBES, demand, key, shape, to_probe, worst

Tree = dict[str, Any]


A100 = Footprint(peak_mb=4000, context_mb=500, total_mb=24_000)


def config(**sections: Tree) -> Any:
    return make_config({"model": {"arch": "MLP", "layers": 4}, **sections})


@pytest.mark.parametrize(
    ("sections", "same"),
    [
        ({"train": {"learning_rate": 0.5, "epochs": 3, "momentum": 0.5}}, True),
        (
            {
                "circuit": {
                    "init": {"gain": 2.0, "distribution": "uniform"},
                    "prop": {"grad_scale_exponent": 0.5},
                }
            },
            True,
        ),
        ({"data": {"root": "/elsewhere", "split_seed": 4}, "neuron": {"tau": 3.0}}, True),
        ({"train": {"batch_size": 64}}, False),
        ({"train": {"precision": "bf16"}}, False),
        ({"model": {"arch": "MLP", "layers": 4, "T": 8}}, False),
        ({"model": {"arch": "MLP", "layers": 4, "norm": "bn"}}, False),
        ({"circuit": {"ei_ratio": 8}}, False),
        ({"circuit": {"prop": {"straight_through": False}}}, False),
        ({"data": {"name": "mnist"}}, False),
    ],
)
def test_a_shape_is_what_decides_memory(sections: Tree, same: bool) -> None:
    assert (key(config(**sections)) == key(config())) is same


def test_a_shape_says_its_values() -> None:
    described = shape(config())
    assert (described["model.layers"], described["train.batch_size"]) == (4, 128)
    assert not any(
        path.startswith(("circuit.init", "train.learning_rate", "seed")) for path in described
    )


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("model.width", 0.5, 1.0),
        ("model.T", 2, 4),
        ("model.layers", 4, 8),
        ("train.batch_size", 32, 64),
        ("circuit.ei_ratio", 8, 2),
    ],
)
def test_demand_grows_with_each_size(path: str, low: Any, high: Any) -> None:
    section, name = path.split(".")

    def at(value: Any) -> float:
        tree: Tree = {"model": {"arch": "MLP", "layers": 4}}
        tree.setdefault(section, {})[name] = value
        return demand(make_config(tree))

    assert at(low) < at(high)


def test_of_a_searched_size_the_worst_is_probed(plan_of: Any, study_tree: Tree) -> None:
    study_tree["parameters"] |= {
        "model.T": {"type": "int", "low": 2, "high": 6},
        "circuit.ei_ratio": {"type": "categorical", "choices": [2, 4, 8]},
        "circuit.dale": {"type": "categorical", "choices": ["project", "abs"]},
    }
    arms = plan_of(study_tree).by_name
    seen = [(one.model.T, one.circuit.ei_ratio, one.circuit.dale) for one in worst(arms["full"])]
    assert sorted(seen) == [(6, 2, "abs"), (6, 2, "project")]
    assert [(one.model.T, one.circuit) for one in worst(arms["bn"])] == [(6, None)]


def test_a_size_that_is_searched_under_a_condition_is_probed(
    plan_of: Any, study_tree: Tree
) -> None:
    study_tree["parameters"] |= {
        "circuit.dale": {"type": "categorical", "choices": ["project", "abs"]},
        "model.T": {"type": "int", "low": 2, "high": 6, "when": {"circuit.dale": "abs"}},
    }
    assert {(one.circuit.dale, one.model.T) for one in worst(plan_of(study_tree).arms[0])} == {
        ("project", 2),
        ("abs", 6),
    }


def test_probes_are_distinct_largest_first_and_bounded(plan_of: Any, study_tree: Tree) -> None:
    study_tree["baselines"] = {
        f"wide{width}": {"model.width": width / 20} for width in range(1, 25)
    }
    arms = plan_of(
        study_tree
    ).arms  # wide1 is the reference's own shape; no_straight_through another one
    probes = list(to_probe(arms).values())
    assert len(probes) == MAX_PROBES
    assert [demand(one) for one in probes] == sorted((demand(one) for one in probes), reverse=True)
    assert probes[0].model.width == 24 / 20
    del study_tree["baselines"]
    assert len(to_probe(plan_of(study_tree).arms)) == 2


@pytest.mark.parametrize(
    ("peak", "most", "trials"),
    [(4000, 16, 5), (4001, 16, 4), (4000, 3, 3), (11_000, 16, 1), (23_000, 16, 1), (100, 8, 8)],
)
def test_so_many_trials_share_a_gpu_that_each_has_headroom(
    peak: float, most: int, trials: int
) -> None:
    assert trials_per_gpu(Footprint(peak, 500, 24_000), most) == trials


@pytest.mark.parametrize(
    ("busy", "foreign", "trials"),
    [
        (0.0, 0.0, 5),  # not measured: memory alone
        (0.2, 0.0, 5),
        (0.5, 0.0, 2),
        (0.62, 0.0, 2),
        (0.9, 0.0, 1),  # a device that is busy gains nothing from company
        (0.0, 14_400.0, 2),  # what others hold is not there to share
        (0.0, 23_999.0, 1),
    ],
)
def test_company_only_where_the_device_has_time_and_room(
    busy: float, foreign: float, trials: int
) -> None:
    footprint = Footprint(4000, 500, 24_000, busy=busy, foreign_mb=foreign)
    assert trials_per_gpu(footprint, 16) == trials


def test_the_reason_says_what_limits() -> None:
    text = why(Footprint(4000, 500, 24_000, busy=0.5, foreign_mb=2000), 2, 16)
    assert "(2,000 MB of them held by other processes), busy 50% of the time" in text
    assert text.endswith(": 2 trials to a GPU (more would only wait for each other)")


def test_the_reason_shows_the_arithmetic() -> None:
    assert (
        why(A100, 5, 16)
        == "4,000 MB measured, 4,800 MB with 20% headroom, of 24,000 MB: 5 trials to a GPU"
    )
    assert why(A100, 2, 2).endswith(": 2 trials to a GPU (2 is what the CPUs can serve)")
    assert why_too_small(0.2, A100) is None
    assert (
        why_too_small(0.1, A100)
        == "0.1 of a GPU's 24,000 MB is 2,400 MB, and the probe measured a peak of 4,000 MB (500 MB"
        " of it CUDA's context); give at least 0.17, or auto"
    )


def test_a_larger_share_leads_to_a_whole_gpu() -> None:
    assert [larger(1 / 7), larger(1 / 3), larger(0.5), larger(0.4), larger(1.0), larger(2.0)] == [
        1 / 3,
        1.0,
        1.0,
        1.0,
        1.0,
        2.0,
    ]
    assert larger(0.25) == 0.5


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
