"""The rules of a study file that span its sections, and their one line each."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec
from tests.study.spec.refusals import refused

GAIN = "parameters.circuit.init.gain"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "name",
            "../else",
            "s.yaml: name: must be letters, digits, '_', '-' or '.', start with a letter or digit",
        ),
        ("name", "a/b", "s.yaml: name: must be letters"),
        (
            f"{GAIN}.when",
            {"model.nrm": "ei"},
            f"s.yaml: {GAIN}.when.model.nrm: must name a parameter",
        ),
        (
            f"{GAIN}.when",
            {"train.learning_rate": 7},
            f"s.yaml: {GAIN}.when.train.learning_rate: must be a value that",
        ),
        (
            "ablation.factors.x.circuit.prop.straight_thru",
            False,
            "no such path in a training config; did you mean 'straight_through'?",
        ),
        (
            "ablation.factors.x.circuit.prop",
            1,
            "s.yaml: ablation.factors.x.circuit.prop: is a whole section of a training config",
        ),
        (
            "ablation.factors.x",
            {},
            (
                "s.yaml: ablation.factors.x: needs the override that takes the factor away, given"
                " nothing"
            ),
        ),
        ("baselines.bn.data.split_seed", 3, "every arm must see the same data and split"),
        ("baselines.bn.seed", 3, "the study sets the seeds"),
        (
            "baselines.full",
            {"model.norm": "bn"},
            "s.yaml: baselines.full: the reference has this name too",
        ),
    ],
)
def test_each_mistake_has_one_line(
    study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    assert message in refused(study_tree, key, value)


def test_a_factorial_of_a_million_is_refused_with_its_size(study_tree: dict[str, Any]) -> None:
    factors = {f"f{index}": {"train.learning_rate": 0.1} for index in range(20)}
    study_tree["ablation"] = {"factors": factors, "design": "factorial"}
    with pytest.raises(
        ConfigError, match=r"factorial over 20 factors is 2\^20 = 1,048,576 arms, and at most 256"
    ):
        make_spec(study_tree, "s.yaml")


def test_conditions_must_not_form_a_circle(study_tree: dict[str, Any]) -> None:
    study_tree["parameters"] = {
        "circuit.dale": {
            "type": "categorical",
            "choices": ["abs", "exp"],
            "when": {"model.head": "light"},
        },
        "model.head": {
            "type": "categorical",
            "choices": ["light", "heavy"],
            "when": {"circuit.dale": "abs"},
        },
    }
    with pytest.raises(ConfigError, match="conditions must not form a circle"):
        make_spec(study_tree, "s.yaml")


def test_on_is_true_where_a_parameter_waits_for_it(study_tree: dict[str, Any]) -> None:
    study_tree["parameters"] = {
        "circuit.divisive": {"type": "categorical", "choices": [True, False]},
        "circuit.init.gain": {
            "type": "float",
            "low": 0.5,
            "high": 2.0,
            "when": {"circuit.divisive": "on"},
        },
    }
    make_spec(study_tree, "s.yaml")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"metric": {"name": "val/f1"}}, "metric.name: must be val/NAME of a key of metrics"),
        (
            {
                "metric": {"name": "val/f1", "mode": "min"},
                "metrics": {"f1": "my_metrics:f1"},
            },
            "metric.mode: must be max, since metrics.f1 is better higher",
        ),
        (
            {"ablation": {"factors": {"tau": {"slow": {"neuron.tau": 8.0}, "neuron.tau": 2.0}}}},
            "ablation.factors.tau.neuron.tau: must be a mapping of overrides, as the other levels",
        ),
        ({"ablation": {"cross": ["gn"]}}, "ablation.cross: must name baselines"),
    ],
)
def test_what_the_newer_keys_refuse(
    study_tree: dict[str, Any], tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_spec({**study_tree, **tree}, "s.yaml")


def test_a_study_names_known_loggers_once(study_tree: dict[str, Any]) -> None:
    assert make_spec({**study_tree, "loggers": ["tensorboard", "wandb"]}, "s.yaml").loggers == (
        "tensorboard",
        "wandb",
    )
    assert make_spec(dict(study_tree), "s.yaml").loggers == ()
    with pytest.raises(ConfigError, match="did you mean 'tensorboard'"):
        make_spec({**study_tree, "loggers": ["tensorbord"]}, "s.yaml")
    with pytest.raises(
        ConfigError, match=r"s\.yaml: loggers: must name each logger once, given mlflow twice"
    ):
        make_spec({**study_tree, "loggers": ["mlflow", "mlflow"]}, "s.yaml")
