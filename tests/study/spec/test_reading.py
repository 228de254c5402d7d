"""A study file's text, and the command line's --set over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eisnn.config.yaml_file import parse_yaml, read_yaml
from eisnn.errors import ConfigError
from study.spec.reading import make_spec, parse_set, set_key


def test_duplicate_keys_and_aliases_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        make_spec(parse_yaml("name: a\nname: b\n", "s.yaml"), "s.yaml")
    with pytest.raises(ConfigError, match="aliases are not supported"):
        make_spec(parse_yaml("name: &a x\nbase: *a\n", "s.yaml"), "s.yaml")


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: no such file"):
        make_spec(read_yaml(tmp_path / "nothing.yaml"), "s.yaml")


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
