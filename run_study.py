"""Run a study, or go on with it: python run_study.py --space search_spaces/ei_ablation.yaml

Exit codes: 0 done; 1 our fault; 2 the input; 3 done, but trials failed, or stopped before the end; 130 interrupted, resumable.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import click

# What a path that cannot be used raises; once trials run, errors are the study's to answer.
NO_PLACE = {
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ELOOP,
    errno.EINVAL,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    help="The study file. The same command goes on with the study.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="A study's folder, such as results/ei_ablation: go on with it.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be trained, and what the design can show; train nothing.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the study file, e.g. search.trials=4.",
)
@click.option("--name", help="Another name, and so another folder, for this study.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where studies go.",
)
@click.option("--fresh", is_flag=True, help="Move the study's old folder aside and start again.")
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    help="At most so many trials at once; 1 is exactly repeatable.",
)
@click.option(
    "--address",
    envvar="RAY_ADDRESS",
    show_envvar=True,
    help="A Ray cluster: auto, or host:port; see docs/clusters.md.",
)
@click.option(
    "--smoke",
    is_flag=True,
    help="Two epochs, two search trials, two seeds, few images: does it work at all?",
)
@click.option(
    "--reproduce", metavar="ID", help="Train one trial of the study again, by its id, and compare."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of study files, for editors.")
@click.version_option(package_name="eisnn-study")
def main(**options: Any) -> None:
    """Run an ablation study of E-I spiking networks, or go on with it."""
    sys.exit(_main(**options))


def _main(space: Path | None, resume: Path | None, schema: bool, **options: Any) -> int:
    from eisnn.config.yaml_file import ConfigError

    if schema:
        return _print_schema()
    if (space is None) == (resume is None):
        print(
            "give one of --space STUDY.yaml and --resume results/STUDY; see --help", file=sys.stderr
        )
        return 2
    from study.store.folder import StoreError, is_full

    try:
        return _run(space, resume, **options)
    except (ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        impossible = error.errno in NO_PLACE
        advice = (
            "; no study can be kept there: give another --results or --name" if impossible else ""
        )
        print(f"{error.filename or 'error'}: {error.strerror or error}{advice}", file=sys.stderr)
        return 2 if impossible else 3 if is_full(error) else 1


def _run(
    space: Path | None, resume: Path | None, *, dry_run: bool, sets: tuple[str, ...], name: str | None, results: Path,
    fresh: bool, max_concurrent: int | None, address: str | None, smoke: bool, reproduce: str | None,
) -> int:  # fmt: skip
    from study.request import from_file, from_folder
    from study.spec.models import parse_set

    given = dict(parse_set(text) for text in sets)
    if space is not None:
        request = from_file(space, sets=given, smoke=smoke, name=name, results=results)
    else:
        assert resume is not None
        request = from_folder(resume, given)
    if dry_run:
        from study.dry_run import dry_run as show

        plan = request.plan()
        for text in show(plan, request.folder or request.results / plan.spec.name):
            print(text, flush=True)
        return 0
    if reproduce is not None:
        from study.reproduce import reproduce as again

        return again(request, reproduce)
    from study.session import run

    address = None if address == "local" else address  # a Ray of our own in spite of RAY_ADDRESS
    code, folder = run(request, fresh=fresh, max_concurrent=max_concurrent, address=address)
    reported = _report(folder) if code in (0, 3) else 0
    return code or reported


def _report(folder: Path) -> int:
    """Ends with the main table and the path of the page; the study's results stand whatever happens here."""
    if not (folder / "trials.csv").exists():
        return 0
    try:
        from reports.page.page import write_report
        from reports.tables.table import main_table_text

        path = write_report(folder)
        print(main_table_text(folder))
        print(path)
    except Exception as error:
        from study.store.folder import is_full

        print(
            f"the report could not be made: {type(error).__name__}: {error}; try: python -m reports {folder}",
            file=sys.stderr,
        )
        return 3 if is_full(error) else 1
    return 0


def _print_schema() -> int:
    import json

    from study.spec.models import StudySpec
    from study.spec.reference import schema

    print(json.dumps(schema(StudySpec), indent=1))
    return 0


if __name__ == "__main__":
    main()
