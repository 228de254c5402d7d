"""What tells an arm's search from others, whatever the arm is called."""

from __future__ import annotations

import hashlib
import json

from eisnn.config.trial import NUMERICS_VERSION, resolved
from study.plan.arm import Arm
from study.spec.models import StudySpec


def content(spec: StudySpec, arm: Arm) -> str:
    """Eight hex digits that name an arm's search: what its trials have in common.

    Ranges may widen within one search.
    """
    kinds = {path: [p.type, p.log, p.choices, p.when] for path, p in arm.space.items()}
    fixed = resolved(arm.config({}, spec.search.seed if spec.search else 0))
    second = [spec.second_objective.model_dump()] if spec.second_objective else []
    seeds = [spec.search.seeds] if spec.search and spec.search.seeds > 1 else []
    what = [NUMERICS_VERSION, fixed, spec.metric.name, kinds, *second, *seeds]
    text = json.dumps(what, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
