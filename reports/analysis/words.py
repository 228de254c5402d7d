"""Formats numbers and names for readers: percent, points, digits, dashes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from reports.analysis.options import Options

DASH = "–"
MINUS = "−"


def number(value: float, decimals: int = 2, signed: bool = False) -> str:
    """Returns a text such as '12,345.68', with a true minus sign; a dash for a missing value."""
    if value is None or math.isnan(value):
        return DASH
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def significant_digits(value: float, digits: int = 3) -> str:
    """Returns a text such as '0.00123' or '1,230', for numbers of any size, such as losses."""
    if value is None or math.isnan(value):
        return DASH
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        text = f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
        return text.replace("-", MINUS)
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def p_text(p: float) -> str:
    if math.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def effect_text(effect: float) -> str:
    """Returns an effect size with two decimals, or only that it is beyond 10.

    From a few seeds, a larger number would be due to a spread that is small by luck.
    """
    if abs(effect) > 10:
        return "> 10" if effect > 0 else f"< {MINUS}10"
    return number(effect)


def span(counts: Iterable[int]) -> str:
    """Returns a text such as '8', or '6 to 8' if the counts differ; for captions."""
    found = sorted(counts)
    if found[0] == found[-1]:
        return str(found[0])
    return f"{found[0]} to {found[-1]}"


def with_interval(middle: str, low: str, high: str) -> str:
    return middle if low == DASH else f"{middle} [{low}, {high}]"


def show(value: float, options: Options, signed: bool = False) -> str:
    """Returns a value or a difference: percent with two decimals, others with three digits."""
    if options.percent:
        return number(100 * value, 2, signed)
    text = significant_digits(value * options.factor)
    return f"+{text}" if signed and value > 0 else text


def with_bounds(mean: float, low: float, high: float, options: Options) -> str:
    """Returns a text such as '−3.21 points [−4.10, −2.32]'."""
    middle = f"{show(mean, options, True)} {options.unit_of_differences}"
    return with_interval(middle, *(show(bound, options, True) for bound in (low, high)))


def metric_name(options: Options) -> str:
    """Returns 'test accuracy' for 'test/accuracy', and 'learning rate' for 'learning_rate'."""
    return options.metric.replace("/", " ").replace("_", " ")


def metric_header(options: Options) -> str:
    name = metric_name(options)
    return f"{name} (%)" if options.percent else name


def reading(options: Options) -> str:
    """Says on which weights, or which replicates, the metric was measured."""
    if "/" not in options.metric or options.metric.startswith("train"):
        return "of the finished replicates"
    if options.at == "last":
        return "of the last epoch's weights"
    return "of the weights of the best validation epoch"


def interval_words(options: Options) -> str:
    """Returns a text such as "95 % confidence interval (Student's t over seeds)"."""
    kind = "Student's t" if options.method == "t" else "BCa bootstrap"
    return f"{100 * options.confidence:g} % confidence interval ({kind} over {options.unit}s)"
