"""The section on ablations: factors, their levels, and which of their combinations are arms."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from eisnn.config.sections.fields import Section
from eisnn.config.yaml_file import plain_value
from study.spec.forms import one_or_list, to_tuple

Design = Literal["leave_one_out", "add_one_in", "factorial"]
Designs = Annotated[
    tuple[Design, ...], BeforeValidator(to_tuple), WithJsonSchema(one_or_list(get_args(Design)))
]


def _override_or_level(value: Any) -> Any:
    if isinstance(value, dict):
        return {path: plain_value(item) for path, item in value.items()}
    return plain_value(value)


OverrideOrLevel = Annotated[
    Any,
    BeforeValidator(_override_or_level),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["number", "string", "boolean", "null"]},
                {"type": "array"},
                {"type": "object"},
            ]
        }
    ),
]
BaselineNames = Annotated[
    tuple[str, ...],
    BeforeValidator(to_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Ablation(Section):
    """The arms made from the reference network by taking parts away."""

    reference: str = "full"
    """The name of the arm that is the unchanged base."""
    design: Designs = ("leave_one_out",)
    """Which factors the arms lack. leave_one_out: one factor each; add_one_in: all of them, and all
    but one; factorial: every subset. One design, or a list of them."""
    factors: dict[str, dict[str, OverrideOrLevel]] = Field(default_factory=dict)
    """For each factor, the override that takes it away from the reference network; or its levels
    besides the reference's, each a mapping of overrides: tau: {slow: {neuron.tau: 8.0}, ...}."""
    cross: BaselineNames = ()
    """Baselines in which the designs change the same factors too, which gives further arms."""
    names: dict[str, str] = Field(default_factory=dict)
    """Names to use for arms instead of the generated ones, such as {no_ei_init: plain_init}."""
