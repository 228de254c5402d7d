"""Which networks of a study differ in memory, and which of them are probed."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.config.trial import make_config
from study.execution.shapes import MAX_PROBES, demand, key, shape, to_probe, worst

Tree = dict[str, Any]


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
