"""Which of a study's parameters an arm searches, and why it leaves out the others.

An arm leaves out the parameters that its overrides fix, and those of parts that its network does
not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eisnn.config.trial import has_part, value_at
from study.spec.parameter import Parameter, same


def space(
    parameters: Mapping[str, Parameter], overrides: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[dict[str, Parameter], dict[str, str]]:
    """Returns an arm's searched parameters, and the reasons for leaving out the others.

    Each parameter comes after those that it depends on. ``config`` is the arm's resolved config.
    """
    found: dict[str, Parameter] = {}
    left_out: dict[str, str] = {}
    waiting = dict(parameters)
    while waiting:
        path = next(path for path in waiting if not waiting.keys() & waiting[path].when.keys())
        parameter = waiting.pop(path)
        reason = _why_left_out(path, parameter, overrides, config, left_out)
        if reason is not None:
            left_out[path] = reason
            continue
        when = {other: wanted for other, wanted in parameter.when.items() if other in found}
        found[path] = parameter.model_copy(update={"when": when})
    return found, left_out


def _why_left_out(
    path: str,
    parameter: Parameter,
    overrides: Mapping[str, Any],
    config: Mapping[str, Any],
    left_out: Mapping[str, str],
) -> str | None:
    if path in overrides:
        return f"the arm fixes it at {overrides[path]}"
    # If the optimiser or the loss is searched, each trial decides whether it has the parameter.
    decided = path.startswith("train.") and parameter.when.keys() - left_out.keys()
    if not has_part(config, path) and not decided:
        return f"this network ({norm(config)}) has no such part"
    for other, wanted in parameter.when.items():
        if other in left_out and not (
            has_part(config, other) and same(value_at(config, other), wanted)
        ):
            return f"only searched when {other} is {wanted}"
    return None


def norm(config: Mapping[str, Any]) -> str:
    """Returns the kind of network that a config describes, for messages."""
    model = config["model"]
    if "factory" in model:
        return f"model.factory: {model['factory']}"
    return f"model.norm: {model['norm']}"
