"""The content of ``plan.json``, and the names of an arm's searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eisnn.config.datasets import DATASETS
from eisnn.config.sections.data import DataConfig
from eisnn.config.trial import NUMERICS_VERSION
from study.plan.arm import Arm
from study.plan.plan import Plan
from study.spec.search import SEEDS_APART


def search_name(plan: Plan, arm: Arm, repeat: int = 0) -> str | None:
    """Returns the name of a search as an Optuna study; None if the arm has no search."""
    if not arm.tuned:
        return None
    return f"{arm.name}-{plan.search_mark(arm, repeat)}"


def plan_record(plan: Plan) -> dict[str, Any]:
    """Returns the content of ``plan.json``: the plan as reports and the next run read it."""
    spec = plan.spec
    second = spec.second_objective
    search = spec.search if spec.tuned else None
    parameters = {
        path: parameter.model_dump(exclude_defaults=True)
        for path, parameter in spec.parameters.items()
    }
    metrics = [{"name": name, **given.model_dump()} for name, given in spec.metrics.items()]
    return {
        "study": spec.name,
        "metric": spec.metric.model_dump(),
        "second_objective": second.model_dump() if second else None,
        "metrics": metrics,
        "reference": plan.reference.name,
        "baseline": plan.baseline.name,
        "pairs": [list(pair) for pair in spec.report.pairs],
        "claims": [claim.model_dump(by_alias=True) for claim in spec.report.claims],
        "confidence": spec.report.confidence,
        "failures": spec.report.failures,
        "test": spec.report.test,
        "correction": spec.report.correction,
        "margin": spec.report.margin,
        "repeats": plan.repeats,
        "seeds": spec.replicate.seeds,
        "first_seed": spec.replicate.first_seed,
        "seeds_apart": SEEDS_APART,
        "most": spec.replicate.most,
        "until": spec.replicate.until,
        "parameters": parameters,
        "search": search.model_dump(by_alias=True) if search else None,
        "tune": spec.tune,
        "arms": [_arm_record(plan, arm) for arm in plan.arms],
        "factors": spec.ablation.factors,
        "design": list(spec.ablation.design),
        "numerics": NUMERICS_VERSION,
        "data": plan.reference.config({}, 0).data.model_dump(exclude={"root", "augment"}),
        **of_data(plan),
    }


def of_data(plan: Plan) -> dict[str, int | None]:
    """Returns the numbers of classes and of test images; None if only the data can tell."""
    config = plan.reference.config({}, 0)
    known = DATASETS.get(config.data.name)
    classes = config.model.classes or (known.classes if known else None)
    sizes = [known.test_images if known else None, config.data.test_size]
    images = min((size for size in sizes if size is not None), default=None)
    return {"classes": classes, "test_images": images}


def _arm_record(plan: Plan, arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "role": arm.role,
        "factors": list(arm.factors),
        "levels": arm.levels,
        "crossed": arm.crossed,
        "base": arm.base,
        "overrides": arm.overrides,
        "tuned": arm.tuned,
        "optuna_study": search_name(plan, arm),
        "search_trials": plan.search_trials(arm),
        "searched": list(arm.space),
        "left_out": arm.left_out,
        "epochs": plan.epochs(arm),
    }


COMPARABLE = {
    "metric": "the metric",
    "data": "the data or their split",
    "numerics": "the version of the numerics",
}


def incomparable(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Returns a change between two plans of a folder that forbids mixing their trials, or None."""
    for key, what in COMPARABLE.items():
        before = old.get(key, new[key])
        if key == "data":
            # An option that the earlier version did not have counts as its default.
            defaults = DataConfig().model_dump()
            before = {name: before.get(name, defaults[name]) for name in new[key]}
        if before != new[key]:
            return f"{what} was {_plain(before)} and is now {_plain(new[key])}"
    return None


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return str(value)
