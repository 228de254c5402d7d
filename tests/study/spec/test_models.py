"""Study files: what is accepted, and the one line that each mistake gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eisnn.config.yaml_file import ConfigError
from study.spec.parameter import Parameter
from study.spec.reading import load_spec, make_spec, parse_set, parse_spec, set_key

GAIN = "parameters.circuit.init.gain"


def refused(tree: dict[str, Any], key: str, value: Any) -> str:
    set_key(tree, key, value)
    with pytest.raises(ConfigError) as caught:
        make_spec(tree, "s.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_written_out(study_tree: dict[str, Any]) -> None:
    spec = make_spec(study_tree, "s.yaml")
    assert spec.search is not None
    assert (spec.metric.name, spec.metric.mode, spec.search.sampler, spec.search.pruner.type) == (
        "val/accuracy",
        "max",
        "tpe",
        "none",
    )
    assert (spec.tune, spec.replicate.first_seed, spec.resources.gpu, spec.diagnostics) == (
        "each",
        1000,
        "auto",
        "off",
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("serch.trials", 3, "s.yaml: serch: unknown key; did you mean 'search'?"),
        ("search.trails", 3, "s.yaml: search.trails: unknown key; did you mean 'trials'?"),
        ("search.trials", 0, "s.yaml: search.trials: must be greater than or equal to 1, given 0"),
        ("search.trials", "many", "s.yaml: search.trials: must be a whole number, given 'many'"),
        (
            "name",
            "../else",
            "s.yaml: name: must be letters, digits, '_', '-' or '.', start with a letter or digit",
        ),
        ("name", "a/b", "s.yaml: name: must be letters"),
        (f"{GAIN}.low", 5.0, f"s.yaml: {GAIN}: low must be below high, given low: 5, high: 2"),
        (f"{GAIN}.low", -1.0, f"s.yaml: {GAIN}: log: true needs low above 0, given low: -1"),
        (f"{GAIN}.low", float("nan"), f"s.yaml: {GAIN}.low: must be a finite number, given nan"),
        (f"{GAIN}.high", float("inf"), f"s.yaml: {GAIN}.high: must be a finite number, given inf"),
        (
            f"{GAIN}.type",
            "int",
            f"s.yaml: {GAIN}: low must be a whole number for type: int, given 0.5",
        ),
        (f"{GAIN}.type", "categorical", f"s.yaml: {GAIN}: a categorical parameter needs choices"),
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
            "parameters.circuit.init.gian.low",
            1.0,
            "s.yaml: parameters.circuit.init.gian.type: is required and not given",
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
        (
            "ablation.design",
            "leave_two_out",
            "s.yaml: ablation.design.0: must be 'leave_one_out', 'add_one_in' or 'factorial'",
        ),
        ("baselines.bn.data.split_seed", 3, "every arm must see the same data and split"),
        ("baselines.bn.seed", 3, "the study gives the seeds"),
        (
            "baselines.full",
            {"model.norm": "bn"},
            "s.yaml: baselines.full: is the reference's name too",
        ),
        (
            "replicate.first_seed",
            0,
            (
                "s.yaml: replicate.first_seed: fresh seeds must not include the search's seed 0,"
                " given 0 to 1"
            ),
        ),
        (
            "metric",
            {"name": "test/accuracy"},
            "s.yaml: metric.name: must be 'val/accuracy', 'val/accuracy_best' or 'val/loss'",
        ),
        (
            "metric",
            {"name": "val/loss"},
            "s.yaml: metric: mode must be min for val/loss, given max",
        ),
        (
            "resources.gpu",
            -1,
            (
                "s.yaml: resources.gpu: must be auto, 0, a fraction of one GPU, or a whole number"
                " of GPUs, given -1"
            ),
        ),
        (
            "resources.gpu",
            1.5,
            "s.yaml: resources.gpu: must be at most 1 or a whole number of GPUs, given 1.5",
        ),
        (
            "search.points",
            [{"circuit.init.gain": 9.0}],
            "s.yaml: search.points.0.circuit.init.gain: must be 0.5 to 2, given 9.0",
        ),
        ("search", None, "s.yaml: search: is required when there are parameters"),
        ("parameters", {}, "s.yaml: parameters: a search needs at least one parameter"),
        ("max_failed", 1.5, "s.yaml: max_failed: must be less than or equal to 1, given 1.5"),
        (
            "overrides.train.epochs",
            {"a": 1},
            "s.yaml: overrides.train.epochs: must be a number, a word, true, false, null",
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
        ConfigError, match=r"factorial over 20 factors is 2\^20 = 1,048,576 arms; at most 256"
    ):
        make_spec(study_tree, "s.yaml")


def test_a_grid_needs_steps(study_tree: dict[str, Any]) -> None:
    study_tree["search"]["sampler"] = "grid"
    with pytest.raises(
        ConfigError, match=r"parameters\.circuit\.init\.gain: sampler grid needs a step or choices"
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


def test_duplicate_keys_and_aliases_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        parse_spec("name: a\nname: b\n", "s.yaml")
    with pytest.raises(ConfigError, match="aliases are not supported"):
        parse_spec("name: &a x\nbase: *a\n", "s.yaml")


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: no such file"):
        load_spec(tmp_path / "nothing.yaml")


def test_set_reaches_keys_that_hold_dots(study_tree: dict[str, Any]) -> None:
    for text in (
        "parameters.circuit.init.gain.low=0.1",
        "search.trials=7",
        "overrides.train.epochs=1",
        "baselines.bn.model.T=8",
    ):
        set_key(study_tree, *parse_set(text))
    spec = make_spec(study_tree, "s.yaml")
    assert spec.search is not None
    assert (spec.parameters["circuit.init.gain"].low, spec.search.trials) == (0.1, 7)
    assert (spec.overrides, spec.baselines["bn"]["model.T"]) == ({"train.epochs": 1}, 8)
    with pytest.raises(ConfigError, match="must be key=value"):
        parse_set("search.trials")


def test_values_a_parameter_can_take() -> None:
    whole = Parameter(type="int", low=2, high=8)
    choice = Parameter(type="categorical", choices=[1, "a", None])
    assert [whole.can_be(value) for value in (2, 8, 9, 2.5, "2", True)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert [choice.can_be(value) for value in (1, "a", None, True, 1.0)] == [
        True,
        True,
        True,
        False,
        False,
    ]


# ---- one value, one form


def test_a_whole_parameter_can_be_set(study_tree: dict[str, Any]) -> None:
    text = "parameters.train.momentum={type: float, low: 0.1, high: 0.9}"
    set_key(study_tree, *parse_set(text))
    set_key(study_tree, *parse_set("parameters.circuit.init.gain.when.train.momentum=0.5"))
    spec = make_spec(study_tree, "s.yaml")
    assert spec.parameters["train.momentum"].high == 0.9
    assert spec.parameters["circuit.init.gain"].when == {"train.momentum": 0.5}


def test_a_comment_on_the_command_line_is_not_null() -> None:
    for text in ("name=#x", "name=a #b"):
        with pytest.raises(ConfigError, match="'#' begins a comment in YAML; put quotes around"):
            parse_set(text)
    assert parse_set("name='#x'") == ("name", "#x")
    assert parse_set("name=a#b") == ("name", "a#b")


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
        (
            {"search": {"trials": 2, "constraints": {"energy": {"max": 1}}}},
            "constraints.energy: mu",
        ),
        ({"search": {"trials": 2, "constraints": {"macs": {}}}}, "needs min or max, given neither"),
        ({"metric": {"name": "val/f1"}}, "metric.name: must be val/NAME of a key of metrics"),
        (
            {
                "metric": {"name": "val/f1", "mode": "min"},
                "metrics": {"f1": "my_metrics:f1"},
            },
            "metric.mode: must be max, since metrics.f1 is better higher",
        ),
        ({"replicate": {"seeds": 5, "most": 20}}, "most and until have a meaning only together"),
        (
            {"replicate": {"seeds": 5, "most": 3, "until": "decided"}},
            r"most must be at least seeds \(5\), given 3",
        ),
        (
            {"ablation": {"factors": {"tau": {"slow": {"neuron.tau": 8.0}, "neuron.tau": 2.0}}}},
            "ablation.factors.tau.neuron.tau: must be a mapping of overrides, as the other levels",
        ),
        ({"ablation": {"cross": ["gn"]}}, "ablation.cross: must name baselines"),
        (
            {"search": {"trials": 2, "repeats": 3, "seed": 998}},
            "fresh seeds must not include the search's seed 998 to 1000, given 1000 to 1001",
        ),
    ],
)
def test_what_the_newer_keys_refuse(
    study_tree: dict[str, Any], tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_spec({**study_tree, **tree}, "s.yaml")


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("noise_x", "metrics.n.function: must be 'top5_accuracy', 'brightness_0.5', 'noise_0.3'"),
        ({}, "metrics.n.function: is required and not given"),
        (3, "metrics.n: must be a mapping of keys to values, given 3"),
        ({"function": "steps_8", "better": "up"}, "metrics.n.better: must be 'higher' or 'lower'"),
    ],
)
def test_a_wrong_metric_is_one_line_with_the_users_own_key(
    study_tree: dict[str, Any], metric: Any, line: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        make_spec({**study_tree, "metrics": {"n": metric}}, "s.yaml")
    assert str(refused.value).startswith(f"s.yaml: {line}")
    assert "\n" not in str(refused.value)


def test_a_metric_may_be_its_function_alone(study_tree: dict[str, Any]) -> None:
    word = make_spec({**study_tree, "metrics": {"n": "noise_0.3"}}, "s.yaml")
    section = make_spec({**study_tree, "metrics": {"n": {"function": "noise_0.3"}}}, "s.yaml")
    assert word == section
