"""Writes a study's tables and figures as files, and one self-contained page of them all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eisnn.files import replacing, write_whole
from reports.analysis import compare
from reports.analysis.collect import Study, StudyError, read_studies
from reports.analysis.options import options_for
from reports.figures import style
from reports.page import answer as answers
from reports.page.content import content, environment
from reports.page.sections import Section, all_sections
from reports.page.shown import ShownAnswer, shown, shown_answer
from reports.page.status import Status, status

FORMATS = ("html", "csv", "md", "tex", "parquet", "png", "pdf")
OF_THE_STUDY = (
    "trials.csv",
    "epochs.csv",
    "study.yaml",
    "base.yaml",
    "plan.json",
    "environment.json",
    "optuna.db",
    "log.txt",
    "code",
    "config.yaml",
    "history.csv",
    "diagnostics.csv",
    "distributions.npz",
)


def write_report(
    folder: str | Path | Sequence[str | Path],
    *,
    formats: Sequence[str] = FORMATS,
    out: str | Path | None = None,
    running: bool = False,
    **wishes: Any,
) -> Path:
    """Writes index.html, tables/ and figures/, and returns the page's path.

    Args:
        folder: a study's folder, or several to join in one report.
        formats: the formats to write, from FORMATS.
        out: the folder to write to; <folder>/report by default.
        running: whether the page says that the study runs, and reloads itself.
        wishes: what to compare; see `reports.analysis.options.options_for`.

    Raises:
        StudyError: it is not a study's folder, or there is no such arm, metric or format, or the
            target cannot be written; one line that says what to do.
    """
    if unknown := set(formats) - set(FORMATS):
        raise StudyError(
            f"--formats: no such format {', '.join(sorted(unknown))}; there are"
            f" {', '.join(FORMATS)}."
        )
    study = read_studies(folder)
    options = options_for(study, **wishes)
    target = Path(out) if out is not None else report_folder(study)
    check_writable(target)
    results = compare.main_table(study, options)
    looks = style.looks(study.arm_names, options.reference, options.baseline)
    with style.styled():
        top = answers.answer(study, results, options, looks)
        answer = shown_answer(top, target, formats) if top else None
        sections = list(all_sections(study, options))
    told = status(study, running=running)
    return write_page(study, target, formats, sections, told, answer, running=running)


def write_page(
    study: Study,
    target: Path,
    formats: Sequence[str],
    sections: Sequence[Section],
    told: Status,
    answer: ShownAnswer | None = None,
    *,
    running: bool = False,
) -> Path:
    """Writes the sections' items as files, and the page of them all."""
    rendered = []
    with style.styled():
        for section in sections:
            items = [shown(item, target, formats) for item in section.items]
            more = [shown(item, target, formats) for item in section.more]
            rendered.append((section, items, more))
    data = _write_frames(study, target, formats)
    page = target / "index.html"
    if "html" in formats:
        template = environment().get_template("page.html")
        filled = content(study, target, answer, rendered, data, told, running)
        write_whole(page, template.render(**filled).encode(), durable=False)
    return page


def report_folder(study: Study) -> Path:
    """Returns results/a/report or, for a and b together, results/a/report-with-b."""
    first, *others = study.folders
    return first / "-with-".join(["report", *(path.resolve().name for path in others)])


def check_writable(target: Path) -> None:
    """Makes the folder.

    Raises:
        StudyError: the folder cannot be made or written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"{target}: cannot be written ({error.strerror}); --out FOLDER writes elsewhere."
        ) from None
    if not os.access(target, os.W_OK | os.X_OK):
        raise StudyError(f"{target}: cannot be written; --out FOLDER writes elsewhere.")


def _write_frames(study: Study, target: Path, formats: Sequence[str]) -> list[tuple[str, str]]:
    """Writes the frames of trials and epochs; returns links to them and to the study's own files.

    Writes them as parquet and, if studies were joined, also as CSV.
    """
    links = []
    tables = target / "tables"
    if not {"csv", "parquet"}.isdisjoint(formats):
        tables.mkdir(parents=True, exist_ok=True)
    for name, frame in (("trials", study.trials), ("epochs", study.epochs)):
        if "csv" in formats and len(study.folders) > 1:
            with replacing(tables / f"{name}.csv", durable=False) as path:
                frame.to_csv(path, index=False)
            links.append((f"{name}.csv", f"tables/{name}.csv"))
        if "parquet" in formats and len(frame):
            with replacing(tables / f"{name}.parquet", durable=False) as path:
                _plain(frame).to_parquet(path, index=False)
            links.append((f"{name}.parquet", f"tables/{name}.parquet"))
    for folder in study.folders:
        prefix = ""
        if len(study.folders) > 1:
            prefix = f"{folder.resolve().name}/"
        for name in OF_THE_STUDY:
            if (folder / name).exists():
                place = os.path.relpath(folder / name, target)
                links.append((prefix + name, Path(place).as_posix()))
    return links


def _plain(frame: Any) -> Any:
    """Turns columns that mix numbers and words into text, since parquet needs one type."""
    mixed = [column for column in frame.columns if frame[column].dtype == object]
    return frame.astype(dict.fromkeys(mixed, "string"))
