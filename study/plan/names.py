"""Identifies an arm's search by its content, whatever the arm's name."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from eisnn.config.trial import NUMERICS_VERSION, resolved
from study.plan.arm import Arm
from study.spec.models import StudySpec


def content(spec: StudySpec, arm: Arm) -> str:
    """Returns eight hex digits that identify an arm's search by what its trials have in common.

    Ranges are left out, so they may widen within one search.
    """
    kinds = {path: [p.type, p.log, p.choices, p.when] for path, p in arm.space.items()}
    fixed = resolved(arm.config({}, spec.search.seed if spec.search else 0))
    parts: list[Any] = [NUMERICS_VERSION, fixed, spec.metric.name, kinds]
    if spec.second_objective:
        parts.append(spec.second_objective.model_dump())
    if spec.search and spec.search.seeds > 1:
        parts.append(spec.search.seeds)
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
