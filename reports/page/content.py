"""The content that fills the page's template."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from reports.analysis.collect import Study
from reports.analysis.compare import count_states
from reports.page.sections import Section
from reports.page.shown import Shown, ShownAnswer
from reports.page.status import Status, progress
from reports.tables.states import states_text

# The columns of the trials table on the page.
SHOWN = (
    "id",
    "arm",
    "kind",
    "seed",
    "state",
    "epochs",
    "val/accuracy",
    "test/accuracy",
    "reason",
)
WORDS = ("id", "arm", "kind", "state", "reason")
MOST_ROWS = 1000
RELOAD = 60  # seconds between two looks at a running study's page


@dataclass(frozen=True)
class TrialRow:
    """One trial's plain values, with None for missing ones; ``link`` leads to its folder."""

    cells: dict[str, Any]
    link: str | None


def environment() -> jinja2.Environment:
    """Templates lie beside this file."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def content(
    study: Study,
    target: Path,
    answer: ShownAnswer | None,
    sections: list[tuple[Section, list[Shown], list[Shown]]],
    data: list[tuple[str, str]],
    told: Status,
    running: bool,
) -> dict[str, Any]:
    """Returns the variables of page.html."""
    counts = []
    for kind, part in study.trials.groupby("kind", sort=False):
        counts.append((kind, states_text(count_states(part["state"]))))
    surroundings = {}
    for name, found in study.environments.items():
        if found:
            surroundings[name] = lines(found)
    now = datetime.now(UTC)
    return {
        "study": study,
        "answer": answer,
        "sections": sections,
        "data": data,
        "status": told,
        "progress": progress(study),
        "reload": RELOAD if running else None,
        "counts": counts,
        "total": len(study.trials),
        "made": now.strftime("%Y-%m-%d %H:%M UTC"),
        "made_seconds": int(now.timestamp()),
        "environments": surroundings,
        "trials": trial_rows(study, target),
        "bases": bases(study),
        "trial_columns": SHOWN,
        "words": WORDS,
    }


def bases(study: Study) -> dict[str, str]:
    """Returns the resolved configuration of each study's reference, as YAML, by study."""
    found = {}
    for folder in study.folders:
        path = folder / "base.yaml"
        if path.is_file():
            found[folder.resolve().name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def lines(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Returns environment.json as (dotted key, text), without long values and earlier runs."""
    found: list[tuple[str, str]] = []
    for key, inside in value.items():
        if key == "earlier":
            if inside:
                found.append(("earlier surroundings", f"{len(inside)}: see environment.json"))
        elif key == "freeze":
            found.append((key, f"{len(inside)} packages: see environment.json"))
        elif isinstance(inside, dict):
            found += lines(inside, f"{prefix}{key}.")
        elif key == "uncommitted_changes":
            count = len(inside.splitlines()) if inside else 0
            found.append((key, f"{count} lines: see environment.json" if count else "none"))
        else:
            found.append((prefix + key, _text(inside)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def trial_rows(study: Study, target: Path) -> list[TrialRow]:
    """Returns the rows of the first MOST_ROWS trials."""
    folders = dict(zip(study.trials["study"].unique(), study.folders, strict=False))
    rows = []
    for row in study.trials.head(MOST_ROWS)[["study", *SHOWN]].astype(object).to_dict("records"):
        place = folders.get(row["study"], study.folders[0]) / "trials" / str(row["id"])
        cells = {}
        for key, value in row.items():
            missing = value is None or value != value  # NaN is not equal to itself
            cells[str(key)] = None if missing else value
        link = None
        if place.is_dir():
            link = Path(os.path.relpath(place, target)).as_posix()
        rows.append(TrialRow(cells, link))
    return rows
