"""Makes a `StudySpec` of a study file's tree, and applies the command line's ``--set``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from eisnn.config.messages import explain
from eisnn.config.trial import TrialConfig
from eisnn.config.yaml_file import scalar, set_keys
from eisnn.errors import ConfigError
from study.spec.checks import problems
from study.spec.models import StudySpec
from study.spec.parameter import Parameter


def make_spec(tree: dict[str, Any], where: str, sets: Mapping[str, Any] | None = None) -> StudySpec:
    """Checks a study file's tree, with the command line's ``--set`` values applied to it.

    ``where`` names the study file in errors.

    Raises:
        ConfigError: one line per problem.
    """
    for key, value in (sets or {}).items():
        set_key(tree, key, value)
    for key in tree:
        if key in TrialConfig.model_fields and key != "seed":
            raise ConfigError(
                f"{where}: {key}: belongs to training configs; to set it for all trials, write "
                f"overrides: {{{key}.KEY: VALUE}}, or on the command line "
                f"--set overrides.{key}.KEY=VALUE"
            )
    try:
        spec = StudySpec.model_validate(tree)
    except ValidationError as error:
        raise explain(error, StudySpec, where) from None
    lines = [f"{where}: {line}" for line in problems(spec)]
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return spec


def parse_set(text: str) -> tuple[str, Any]:
    """Splits ``key=value`` of the command line.

    Raises:
        ConfigError: the text has another form.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: must be key=value, such as search.trials=4")
    return key.strip(), scalar(value, f"--set {key.strip()}")


FIELDS = "|".join(Parameter.model_fields)


def set_key(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a key of the study file.

    Keys may hold dots themselves (``parameters.train.learning_rate.low``): below ``parameters``,
    ``overrides``, factors and baselines, the rest is one key.
    """
    set_keys(tree, _keys(dotted, value), value)


def _keys(dotted: str, value: Any) -> list[str]:
    overrides = re.fullmatch(r"(overrides|baselines\.[^.]+|ablation\.factors\.[^.]+)\.(.+)", dotted)
    if overrides:
        return [*overrides[1].split("."), overrides[2]]
    condition = re.fullmatch(r"parameters\.(.+?)\.when\.(.+)", dotted)
    if condition:
        return ["parameters", condition[1], "when", condition[2]]
    field = re.fullmatch(rf"parameters\.(.+)\.({FIELDS})", dotted)
    if field:
        return ["parameters", field[1], field[2]]
    whole = re.fullmatch(r"parameters\.(.+)", dotted)
    if whole and (value is None or isinstance(value, dict)):
        return ["parameters", whole[1]]
    return dotted.split(".")
