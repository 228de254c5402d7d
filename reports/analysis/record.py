"""The whole record: what was trained, from what, on what."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from reports.analysis.collect import Study

PREFIX = "override/"


def with_overrides(study: Study) -> pd.DataFrame:
    """The trials, with what each one's arm overrides in the base config as columns."""
    frame = study.trials.copy()
    overrides: dict[str, dict[str, Any]] = {}
    for arm in study.arms:
        overrides[arm["name"]] = arm.get("overrides") or {}
    keys = dict.fromkeys(key for found in overrides.values() for key in found)
    for key in keys:
        values = {arm: found.get(key) for arm, found in overrides.items()}
        frame[f"{PREFIX}{key}"] = frame["arm"].map(values)
    return frame


def overrides_text(arm: dict[str, Any]) -> str:
    """'circuit.divisive = false; circuit.init.scheme = kaiming'."""
    found = []
    for key, value in (arm.get("overrides") or {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        found.append(f"{key} = {text}")
    return "; ".join(found)


def data_text(study: Study) -> str:
    """'digits: validation_fraction 0.1, split_seed 0; 10 classes, 360 test images'."""
    data = dict(study.plan.get("data") or {})
    name = data.pop("name", "")
    parts = [f"{key} {value}" for key, value in data.items() if value is not None]
    sizes = []
    if study.plan.get("classes"):
        sizes.append(f"{study.plan['classes']} classes")
    if study.plan.get("test_images"):
        sizes.append(f"{study.plan['test_images']:,} test images")
    return "; ".join(
        filter(None, [f"{name}: {', '.join(parts)}" if name else "", ", ".join(sizes)])
    )


def seeds_text(study: Study) -> str:
    """'replicates 1000 to 1002, 10,000 higher in each further repeat; search 0'."""
    seeds, first = study.plan.get("seeds"), study.plan.get("first_seed")
    repeats = int(study.plan.get("repeats") or 1)
    parts = []
    if seeds and first is not None:
        last = first + int(study.plan.get("most") or seeds) - 1
        further = ""
        if repeats > 1:
            further = f", {study.plan.get('seeds_apart', seeds):,} higher in each further repeat"
        parts.append(f"replicates {first} to {last}{further}")
    search = study.plan.get("search") or {}
    if "seed" in search:
        parts.append(f"search {search['seed']}")
    return "; ".join(parts)
