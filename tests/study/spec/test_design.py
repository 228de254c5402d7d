"""The section on ablations: one word or several, and overrides or levels."""

from __future__ import annotations

from typing import Any

from study.spec.design import Ablation
from tests.study.spec.refusals import refused


def test_an_unknown_design_is_refused(study_tree: dict[str, Any]) -> None:
    line = "s.yaml: ablation.design.0: must be 'leave_one_out', 'add_one_in' or 'factorial'"
    assert line in refused(study_tree, "ablation.design", "leave_two_out")


def test_a_word_stands_for_a_list_of_one() -> None:
    one = Ablation(design="factorial", cross="bn")
    assert (one.design, one.cross) == (("factorial",), ("bn",))
    assert one == Ablation(design=["factorial"], cross=["bn"])


def test_a_factor_is_an_override_or_levels_of_overrides() -> None:
    """Lists of YAML become the plain values that a config has."""
    factors = {"reset": {"neuron.reset": "hard"}, "tau": {"slow": {"neuron.tau": 8.0}}}
    assert Ablation(factors=factors).factors == factors
