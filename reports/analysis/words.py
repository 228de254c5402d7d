"""Numbers and names as people read them: percent, points, digits, dashes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from reports.analysis.options import Options

DASH = "–"
MINUS = "−"


def number(value: float, decimals: int = 2, signed: bool = False) -> str:
    """'12,345.68'; with a true minus sign; a dash for a missing value."""
    if value is None or math.isnan(value):
        return DASH
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def significant_digits(value: float, digits: int = 3) -> str:
    """'0.00123', '1,230': for figures of unknown size, such as losses and learning rates."""
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
    """Two decimals; beyond 10 only that it is.

    From a few seeds, a larger figure is the luck of their spread.
    """
    if abs(effect) > 10:
        return "> 10" if effect > 0 else f"< {MINUS}10"
    return number(effect)


def span(counts: Iterable[int]) -> str:
    """'8', or '6 to 8' where they differ; for captions."""
    found = sorted(counts)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"


def with_interval(middle: str, low: str, high: str) -> str:
    return middle if low == DASH else f"{middle} [{low}, {high}]"


def show(value: float, options: Options, signed: bool = False) -> str:
    """A value or a difference: percent (points) with two decimals, or three significant digits."""
    if options.percent:
        return number(100 * value, 2, signed)
    text = significant_digits(value * options.factor)
    return f"+{text}" if signed and value > 0 else text


def with_bounds(mean: float, low: float, high: float, options: Options) -> str:
    """'−3.21 points [−4.10, −2.32]'."""
    middle = f"{show(mean, options, True)} {options.unit_of_differences}"
    return with_interval(middle, *(show(bound, options, True) for bound in (low, high)))


def metric_name(options: Options) -> str:
    """'test accuracy' of 'test/accuracy', 'learning rate' of 'learning_rate'."""
    return options.metric.replace("/", " ").replace("_", " ")


def metric_header(options: Options) -> str:
    return f"{metric_name(options)} (%)" if options.percent else metric_name(options)


def reading(options: Options) -> str:
    """Which weights, or which replicates, the metric was measured on."""
    if "/" not in options.metric or options.metric.startswith("train"):
        return "of the finished replicates"
    if options.at == "last":
        return "of the last epoch's weights"
    return "of the weights of the best validation epoch"


def interval_words(options: Options) -> str:
    """Names the kind of interval, such as "95 % confidence interval (Student's t over seeds)"."""
    kind = "Student's t" if options.method == "t" else "BCa bootstrap"
    return f"{100 * options.confidence:g} % confidence interval ({kind} over {options.unit}s)"
