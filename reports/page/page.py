"""write_report: a study's tables and figures as files, and one self-contained HTML page that holds them all."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from reports.analysis.collect import Study, StudyError, read_studies
from reports.analysis.compare import count_states, options_for
from reports.analysis.statistics import Method
from reports.figures.style import Animation, Picture, saved_beside, styled, svg
from reports.files import write_text, written
from reports.page.sections import Item, all_sections
from reports.tables.results import states_text
from reports.tables.table import Table, write_table

FORMATS = ("html", "csv", "md", "tex", "parquet", "png", "pdf")
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
)  # of the trials table on the page
MOST_ROWS = 1000


@dataclass(frozen=True)
class Shown:
    """One item of a section as the template sees it: an SVG or a table, and links to its files."""

    kind: str
    item: Item
    drawing: str  # SVG, or a GIF in base64
    files: tuple[tuple[str, str], ...]  # (label, path relative to the page)


def write_report(
    folder: str | Path | Sequence[str | Path],
    *,
    baseline: str | None = None,
    reference: str | None = None,
    formats: Sequence[str] = FORMATS,
    metric: str | None = None,
    at: str = "last",
    alpha: float | None = None,
    method: Method = "t",
    pairs: Sequence[tuple[str, str]] = (),
) -> Path:
    """Writes <folder>/report/{index.html, tables/, figures/} and returns the page's path; several folders are joined in the first's.

    Raises:
        StudyError: not a study's folder, or an arm, metric or format that is not there; one line that says what to do.
    """
    if unknown := set(formats) - set(FORMATS):
        raise StudyError(
            f"--formats: no such format {', '.join(sorted(unknown))}; there are {', '.join(FORMATS)}."
        )
    study = read_studies(folder)
    options = options_for(
        study,
        baseline=baseline,
        reference=reference,
        metric=metric,
        at=at,
        alpha=alpha,
        method=method,
        pairs=pairs,
    )
    target = report_folder(study)
    with styled():
        found = list(all_sections(study, options))
        pictures = [
            item for section in found for item in section.items if isinstance(item, Picture)
        ]
        with saved_beside(pictures, target / "figures", formats):
            sections = [
                (section, [_written(item, target, formats) for item in section.items])
                for section in found
            ]
            data = _write_frames(study, target, formats)
    page = target / "index.html"
    if "html" in formats:
        write_text(
            page,
            _environment()
            .get_template("page.html")
            .render(**_content(study, target, sections, data)),
        )
    return page


def report_folder(study: Study) -> Path:
    """results/a/report; for a and b together results/a/report-with-b."""
    first, *others = study.folders
    return first / "-with-".join(["report", *(path.resolve().name for path in others)])


def _written(item: Item, target: Path, formats: Sequence[str]) -> Shown:
    if isinstance(item, Table):
        names = [f"tables/{name}" for name in write_table(item, target / "tables", formats)]
        return Shown("table", item, "", tuple((Path(name).suffix[1:], name) for name in names))
    if isinstance(item, Animation):
        with written(target / "figures" / f"{item.name}.gif") as path:
            path.write_bytes(item.gif)
        shown = base64.b64encode(item.gif).decode() if "html" in formats else ""
        return Shown("animation", item, shown, (("gif", f"figures/{item.name}.gif"),))
    drawn = svg(item) if "html" in formats else ""
    return Shown(
        "figure",
        item,
        drawn,
        tuple((form, f"figures/{item.name}.{form}") for form in ("png", "pdf") if form in formats),
    )


def _write_frames(study: Study, target: Path, formats: Sequence[str]) -> list[tuple[str, str]]:
    """The two frames beside the tables (parquet; CSV too if studies were joined), and links to the study's own files."""
    links = []
    for name, frame in (("trials", study.trials), ("epochs", study.epochs)):
        for extension in ("csv", "parquet"):
            if extension not in formats or (extension == "csv" and len(study.folders) == 1):
                continue
            with written(target / "tables" / f"{name}.{extension}") as path:
                frame.to_csv(path, index=False) if extension == "csv" else _plain(frame).to_parquet(
                    path, index=False
                )
            links.append((f"{name}.{extension}", f"tables/{name}.{extension}"))
    for folder in study.folders:
        prefix = f"{folder.resolve().name}/" if len(study.folders) > 1 else ""
        for name in (
            "trials.csv",
            "epochs.csv",
            "study.yaml",
            "plan.json",
            "environment.json",
            "optuna.db",
            "log.txt",
        ):
            if (folder / name).exists():
                links.append(
                    (prefix + name, Path(os.path.relpath(folder / name, target)).as_posix())
                )
    return links


def _plain(frame: Any) -> Any:
    """Columns that mix kinds (a categorical parameter of numbers and words) as text: parquet wants one kind."""
    mixed = [column for column in frame.columns if frame[column].dtype == object]
    return frame.astype(dict.fromkeys(mixed, "string"))


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(
        loader=loader,
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(
    study: Study, target: Path, sections: list[Any], data: list[tuple[str, str]]
) -> dict[str, Any]:
    counts = study.trials["state"].value_counts().to_dict()
    return {
        "study": study,
        "sections": sections,
        "data": data,
        "status": status(study),
        "counts": [
            (kind, states_text(count_states(part["state"])))
            for kind, part in study.trials.groupby("kind", sort=False)
        ],
        "total": sum(counts.values()),
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "environments": {
            name: _lines(environment)
            for name, environment in study.environments.items()
            if environment
        },
        "trials": _trial_rows(study, target),
        "trial_columns": SHOWN,
        "most_rows": MOST_ROWS,
    }


def status(study: Study) -> tuple[str, str]:
    """(tone, words): is the study complete?"""
    total = len(study.trials)
    if not total:
        return (
            "open",
            "No trial has been planned or run yet: this page will fill as the study runs.",
        )
    if study.unfinished:
        return "open", (
            f"Not complete: {study.unfinished} of {total} trials are still to finish ({states_text(_open_states(study))}). "
            "The study is running or was interrupted; the same command goes on with it. What follows is what there is so far."
        )
    failed = int(study.trials["state"].isin(("failed", "out_of_memory")).sum())
    if failed:
        return "warn", f"Complete, but {failed} of {total} trials failed: see Reliability."
    return "done", f"Complete: all {total} trials have ended."


def _open_states(study: Study) -> dict[str, int]:
    counts = study.trials["state"].value_counts()
    return {
        str(state): int(count)
        for state, count in counts.items()
        if state in ("running", "planned", "interrupted")
    }


def _lines(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """environment.json as (dotted key, text) lines; what is long or of earlier runs is left to the file itself."""
    lines: list[tuple[str, str]] = []
    for key, content in value.items():
        if key == "earlier":
            lines += (
                [("earlier surroundings", f"{len(content)}: see environment.json")]
                if content
                else []
            )
        elif isinstance(content, dict):
            lines += _lines(content, f"{prefix}{key}.")
        elif key == "uncommitted_changes":
            lines.append(
                (
                    key,
                    f"{len(content.splitlines())} lines: see environment.json"
                    if content
                    else "none",
                )
            )
        else:
            text = (
                " ".join(content)
                if isinstance(content, list) and all(isinstance(x, str) for x in content)
                else content
            )
            lines.append((prefix + key, text if isinstance(text, str) else json.dumps(text)))
    return lines


def _trial_rows(study: Study, target: Path) -> list[dict[str, Any]]:
    """The first MOST_ROWS trials as plain values, each with a link to its folder where that exists."""
    folders = dict(zip(study.trials["study"].unique(), study.folders, strict=False))
    rows = []
    for row in study.trials.head(MOST_ROWS)[["study", *SHOWN]].astype(object).to_dict("records"):
        place = folders.get(row["study"], study.folders[0]) / "trials" / str(row["id"])
        cells = {
            key: None if value is None or value != value else value for key, value in row.items()
        }  # NaN is not equal to itself
        rows.append(
            {
                "cells": cells,
                "link": Path(os.path.relpath(place, target)).as_posix() if place.is_dir() else None,
            }
        )
    return rows
