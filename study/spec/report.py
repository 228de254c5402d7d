"""The sections on the report: comparisons, claims, tests, and the user's metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, model_validator

from eisnn.config.conditions import CONDITION, EXAMPLES
from eisnn.config.sections.fields import Positive, Section, word_or_reference
from study.spec.forms import to_tuple


def _correction(value: Any) -> Any:
    return "single_step" if value == "bonferroni" else value


def _pair(value: Any) -> Any:
    if not (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(name, str) for name in value)
    ):
        raise ValueError(
            f"must be the names of two arms, such as [full, bn], given {str(value)[:80]}"
        )
    return tuple(value)


Pair = Annotated[tuple[str, str], BeforeValidator(_pair)]


class Claim(Section):
    """A planned comparison with a direction. The report judges it: holds, fails, or undecided."""

    say: str
    """The claim in words, as the report prints it."""
    arm: str
    """The arm that the claim is about."""
    against: str
    """The arm to compare it with."""
    is_: Literal["better", "worse", "not_better", "not_worse", "equivalent"] = Field(alias="is")
    """How ``arm`` compares with ``against``."""
    margin: Positive | None = None
    """The margin of not_better, not_worse and equivalent, in the metric's own unit; by default
    report.margin."""


class ReportSpec(Section):
    """What the report compares, and how it judges differences."""

    baseline: str | None = None
    """A second arm to compare all others with, besides the reference."""
    pairs: Annotated[tuple[Pair, ...], BeforeValidator(to_tuple)] = ()
    """Further comparisons, each (arm - other)."""
    claims: list[Claim] = Field(default_factory=list)
    """Statements for the report to judge."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """The confidence of the intervals; 1 - confidence is the level of the tests."""
    failures: Literal["chance", "exclude"] = "chance"
    """How to count a failed replicate: at chance level (1 / classes), or not at all."""
    test: Literal["t", "sign_flip"] = "t"
    """The test: a paired t-test, or the joint sign-flip test over all comparisons."""
    correction: Annotated[
        Literal["single_step", "holm", "none"],
        BeforeValidator(_correction),
        WithJsonSchema({"enum": ["single_step", "holm", "none", "bonferroni"]}),
    ] = "single_step"
    """The correction for the number of comparisons. single_step: interval and verdict agree; holm:
    sharper p-values, but intervals without correction. (bonferroni is single_step.)"""
    margin: Positive | None = None
    """The largest difference that does not matter: 0.01 is one point of accuracy. The verdict "no
    effect" needs it."""


MetricFunction = word_or_reference("top5_accuracy", *EXAMPLES, pattern=CONDITION)


class UserMetric(Section):
    """A number measured on validation and test data: (model, logits, labels) -> number."""

    function: MetricFunction  # type: ignore[valid-type]
    """top5_accuracy; your own module:attribute; or the accuracy on test images of another
    brightness (brightness_0.5), with noise (noise_0.3), or over another number of time steps
    (steps_8). Without other options, ``name: module:attribute`` is enough."""
    better: Literal["higher", "lower"] = "higher"
    """Which direction is better."""
    label: str | None = None
    """The label on axes and in tables; by default the name."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: Any) -> Any:
        return {"function": given} if isinstance(given, str) else given


def or_word(metrics: dict[str, Any]) -> None:
    """Lets the schema of ``metrics`` accept a metric's function in place of its section."""
    word = TypeAdapter(MetricFunction).json_schema()
    metrics["additionalProperties"] = {"anyOf": [metrics["additionalProperties"], *word["anyOf"]]}
