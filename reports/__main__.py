"""python -m reports results/<study>...: tables, figures and the page of one or several studies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

FORMATS = "html,csv,md,tex,parquet,png,pdf"


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path)
)
@click.option(
    "--baseline",
    metavar="ARM",
    help="Also compare every arm with this one. Default: the study file's.",
)
@click.option(
    "--reference",
    metavar="ARM",
    help="Compare every arm with this one. Default: the study file's.",
)
@click.option(
    "--pair",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="ARM ARM",
    help="Compare these two arms instead of the study file's pairs.",
)
@click.option(
    "--formats",
    metavar="LIST",
    default=FORMATS,
    show_default=True,
    help="The formats to write, separated by commas.",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="Compare this column of trials.csv. Default: test/accuracy.",
)
@click.option(
    "--at",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Measure the weights of the last or of the best validation epoch.",
)
@click.option(
    "--alpha",
    type=float,
    metavar="LEVEL",
    help="The level of the tests; 1 - alpha is the intervals' confidence.",
)
@click.option(
    "--interval",
    type=click.Choice(["t", "bootstrap"]),
    default="t",
    show_default=True,
    help="The kind of confidence interval.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The folder to write to. Default: the study's report folder.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Write only the page of a running study, which reloads itself.",
)
@click.option(
    "--paper",
    is_flag=True,
    help="Write LaTeX tables and texts, references, and figures for a paper instead.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Train some completed trials again and compare every number instead.",
)
@click.option(
    "-k",
    "count",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    metavar="N",
    help="With --verify: the number of trials, drawn at random.",
)
def main(folders: tuple[Path, ...], formats: str, interval: str, **options: Any) -> None:
    """Write report/index.html, tables and figures of a study, and print its main table."""
    from eisnn.output import forgiving

    with forgiving():
        try:
            code = _report(folders, formats, interval, **options)
        except KeyboardInterrupt:
            click.echo("interrupted; repeat the command for the whole report", err=True)
            code = 130
    sys.exit(code)


def _report(
    folders: tuple[Path, ...],
    formats: str,
    interval: str,
    out: Path | None,
    quick: bool,
    paper: bool,
    verify: bool,
    count: int,
    **options: Any,
) -> int:
    """Writes the report; returns the exit code."""
    from reports.analysis.collect import StudyError
    from reports.page.page import write_report
    from reports.page.run import is_run, write_run
    from reports.tables.text import main_table_text

    wanted = [word for word in formats.replace(" ", "").split(",") if word]
    if quick:
        wanted = ["html"]
        give_way()
    options["method"] = interval
    try:
        if verify:
            from reports.verify import verify as trained_again

            return max(trained_again(folder, count, None) for folder in folders)
        if len(folders) == 1 and is_run(folders[0]):
            click.echo(write_run(folders[0], formats=wanted, out=out))
            return 0
        if paper:
            from reports.paper.kit import write_paper

            click.echo(write_paper(list(folders), out=out, **options))
            return 0
        page = write_report(list(folders), formats=wanted, out=out, running=quick, **options)
        if quick:
            return 0
        text = main_table_text(list(folders), **options)
    except StudyError as error:
        click.echo(f"error: {error}", err=True)
        return 2
    click.echo(text)
    click.echo(page if "html" in wanted else page.parent)
    return 0


def give_way() -> None:
    """Lowers this process's priority, but not to the lowest.

    Trials keep every processor busy, and at the lowest priority a page took longer than its study.
    """
    os.nice(10)


if __name__ == "__main__":
    main()
