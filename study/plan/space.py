"""What of a study's parameters an arm searches, and why it leaves out the others.

A factor's override pins its path, so that this parameter leaves that arm's space; so does a
parameter of a part that the arm's network does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eisnn.config.trial import has_part, value_at
from study.spec.parameter import Parameter, same


def space(
    parameters: Mapping[str, Parameter], overrides: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[dict[str, Parameter], dict[str, str]]:
    """What an arm searches, each parameter after those that it depends on; and why not the others.

    ``config`` is the arm's resolved config.
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
    # Where the optimiser or the loss is searched, its value decides, trial by trial.
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
    """What kind of network a config is, for messages."""
    model = config["model"]
    if "factory" in model:
        return f"model.factory: {model['factory']}"
    return f"model.norm: {model['norm']}"
