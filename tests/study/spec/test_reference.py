"""The reference pages are what the models say, and the schemas accept every file that ships and
refuse what we refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from eisnn.config.messages import model_in
from eisnn.config.trial import TrialConfig
from eisnn.config.yaml_file import read_yaml
from study.spec import reference
from study.spec.models import StudySpec

ROOT = Path(__file__).resolve().parents[3]
STUDIES = sorted((ROOT / "search_spaces").glob("*.yaml"))
CONFIGS = sorted((ROOT / "configs").glob("*/*.yaml"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize(
    "page", ["study_file.md", "config.md", "schema/study.schema.json", "schema/config.schema.json"]
)
def test_the_pages_are_up_to_date(page: str) -> None:
    assert (ROOT / "docs" / page).read_text() == reference.pages()[Path(page)], (
        "run: python -m study.spec.reference"
    )


@pytest.mark.parametrize("path", STUDIES, ids=name)
def test_study_files_meet_their_schema(path: Path) -> None:
    Draft202012Validator(reference.schema(StudySpec)).validate(read_yaml(path))


def test_configs_meet_their_schema() -> None:
    validator = Draft202012Validator(reference.schema(TrialConfig))
    assert len(CONFIGS) > 30
    for path in CONFIGS:
        validator.validate(read_yaml(path))


@pytest.mark.parametrize(
    ("model", "tree"),
    [
        (StudySpec, {"name": "x"}),
        (StudySpec, {"name": "x", "base": "b", "serch": {}}),
        (StudySpec, {"name": "x", "base": "b", "search": {"trials": 0}}),
        (StudySpec, {"name": "x", "base": "b", "search": {"sampler": "tpee"}}),
        (StudySpec, {"name": "x", "base": "b", "parameters": {"train.learning_rate": {"low": 1}}}),
        (StudySpec, {"name": "x", "base": "b", "ablation": {"design": "leave_two_out"}}),
        (StudySpec, {"name": "x", "base": "b", "overrides": {"train.epochs": {"a": 1}}}),
        (StudySpec, {"name": "x", "base": "b", "resources": {"gpu": "some"}}),
        (TrialConfig, {"model": {"norm": "batch"}}),
        (TrialConfig, {"model": {"factory": "my_nets"}}),
        (TrialConfig, {"circuit": {"dale": "yes"}}),
        (TrialConfig, {"train": {"learning_rate": "fast"}}),
        (TrialConfig, {"train": {"learning_rate": 0}}),
    ],
)
def test_the_schemas_refuse_what_we_refuse(model: Any, tree: dict[str, Any]) -> None:
    assert not Draft202012Validator(reference.schema(model)).is_valid(tree)
    with pytest.raises(ValueError, match="validation error"):
        model.model_validate(tree)


@pytest.mark.parametrize(
    ("model", "tree"),
    [
        (
            StudySpec,
            {
                "name": "x",
                "base": "b",
                "ablation": {"design": ["leave_one_out", "factorial"]},
                "diagnostics": "my_probes:f",
            },
        ),
        (StudySpec, {"name": "x", "base": "b", "resources": {"gpu": 0.25}, "search": None}),
        (
            TrialConfig,
            {
                "model": {"norm": "my.layers:Mine", "options": {"a": [1, 2], "b": None}},
                "circuit": {"divisive": "off"},
            },
        ),
        (
            TrialConfig,
            {"model": {"factory": "my_nets:build", "input_shape": [1, 8, 8]}, "circuit": None},
        ),
        (TrialConfig, {"circuit": {"ei_ratio": [2, 4]}, "data": {"augment": False}}),
    ],
)
def test_the_schemas_accept_what_we_accept(model: Any, tree: dict[str, Any]) -> None:
    Draft202012Validator(reference.schema(model)).validate(tree)
    model.model_validate(tree)


@pytest.mark.parametrize("model", [StudySpec, TrialConfig])
def test_every_option_says_what_it_means(model: Any) -> None:
    waiting = [model]
    while waiting:
        section = waiting.pop()
        for key, field in section.model_fields.items():
            inner = model_in(field.annotation)
            waiting += [inner] if inner else []
            assert field.description or (inner and inner.__doc__), (
                f"{section.__name__}.{key}: put its meaning below it, as a docstring"
            )
