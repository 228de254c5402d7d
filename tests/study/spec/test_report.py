"""The sections on the report: comparisons, and metrics of the user's."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec


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


def test_bonferroni_is_another_word_for_a_single_step(study_tree: dict[str, Any]) -> None:
    report = {"correction": "bonferroni", "pairs": [["bn", "full"]]}
    spec = make_spec({**study_tree, "report": report}, "s.yaml")
    assert spec.report.correction == "single_step"
    assert spec.report.pairs == (("bn", "full"),)


def test_a_claim_is_written_with_is(study_tree: dict[str, Any]) -> None:
    claim = {"say": "As good.", "arm": "bn", "against": "full", "is": "equivalent", "margin": 0.01}
    spec = make_spec({**study_tree, "report": {"claims": [claim]}}, "s.yaml")
    assert spec.report.claims[0].is_ == "equivalent"
    assert spec.report.claims[0].model_dump(by_alias=True) == claim
    with pytest.raises(ConfigError, match=r"report\.claims\.0\.is: must be 'better', 'worse'"):
        make_spec({**study_tree, "report": {"claims": [{**claim, "is": "good"}]}}, "s.yaml")
