"""The sections of a study file: their defaults, and the one line that each mistake gets."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec
from tests.study.spec.refusals import refused


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


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"replicate": {"seeds": 5, "most": 20}}, "most and until apply only together"),
        (
            {"replicate": {"seeds": 5, "most": 3, "until": "decided"}},
            r"most must be at least seeds \(5\), given 3",
        ),
    ],
)
def test_what_the_newer_keys_refuse(
    study_tree: dict[str, Any], tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_spec({**study_tree, **tree}, "s.yaml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("search.trials", 2**63, "must be less than or equal to 100000"),
        ("search.startup", 2**63, "must be at most 4,294,967,295 in size"),
        ("search.pruner.grace_epochs", 2**63, "must be at most 4,294,967,295 in size"),
        ("search.pruner.p_threshold", 1e-300, "must be at least 1.2e-38 in size"),
        ("replicate.first_seed", 2**63, "must be less than 2137483648"),
        ("resources.cpu", 1e300, "must be at most 3.4e+38 in size"),
        ("resources.gpu", 1e300, "must be at most 3.4e+38 in size"),
        ("resources.memory_gb", 1e300, "must be at most 3.4e+38 in size"),
        ("budget.hours", 1e300, "must be at most 3.4e+38 in size"),
        ("budget.epochs", 2**63, "must be at most 4,294,967,295 in size"),
        ("report.margin", 1e-300, "must be at least 1.2e-38 in size"),
    ],
)
def test_numbers_that_no_machine_holds_are_refused(
    study_tree: dict[str, Any], key: str, value: float, message: str
) -> None:
    assert refused(study_tree, key, value).startswith(f"s.yaml: {key}: {message}")


def test_an_int_range_beyond_32_bits_is_refused(study_tree: dict[str, Any]) -> None:
    huge = {"type": "int", "low": 1, "high": 1e12}
    message = refused(study_tree, "parameters.model.options.k", huge)
    assert "high must be at most 4,294,967,295 in size, given 1000000000000" in message
