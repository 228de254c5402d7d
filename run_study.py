"""Run or resume a study: python run_study.py --space search_spaces/ei_ablation.yaml

Exit codes: 0, done; 1, a bug of ours; 2, an error in the input; 3, trials failed or the study
stopped before its end; 130, interrupted (the same command resumes it).
"""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":  # set before the slow imports, so that Ctrl-C always exits with 130
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))

import errno
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from eisnn.imports import uncollected
from eisnn.output import forgiving
from study.guest import is_guest, run_apart
from study.options import Options

DONE, OUR_FAULT, WRONG_INPUT, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130

# The errors of a path that cannot be used. Once trials run, the study itself handles errors.
NO_PLACE = {
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.EEXIST,  # a link that leads nowhere
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ELOOP,
    errno.EINVAL,
}


def _path(**options: Any) -> click.Path:
    return click.Path(path_type=Path, **options)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--space", type=_path(), help="The study file. The same command resumes it.")
@click.option("--resume", type=_path(), help="Resume a study's folder (results/ei_ablation).")
@click.option("--status", metavar="DIR", type=_path(), help="Show a study's progress and results.")
@click.option(
    "--list", "list_studies", is_flag=True, help="List the studies in the results folder."
)
@click.option(
    "--clean",
    metavar="DIR",
    type=_path(),
    help=(
        "Delete what a study no longer needs: retired trials, and checkpoints of trials that have "
        "ended. Asks first."
    ),
)
@click.option("--yes", is_flag=True, help="With --clean: delete without asking.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be trained, and what the design can detect; train nothing.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the study file, e.g. search.trials=4.",
)
@click.option("--name", help="Give this study another name, and so another folder.")
@click.option("--results", type=_path(), help="The folder for studies.  [default: results]")
@click.option("--fresh", is_flag=True, help="Move the study's old folder aside and start again.")
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    help="Run at most this many trials at once; 1 is exactly repeatable.",
)
@click.option(
    "--address",
    envvar="RAY_ADDRESS",
    show_envvar=True,
    help="Use a Ray cluster: auto, or host:port; see docs/clusters.md.",
)
@click.option(
    "--smoke",
    is_flag=True,
    help="Try the study with two epochs, two search trials, two seeds and few images.",
)
@click.option(
    "--reproduce", metavar="ID", help="Train one trial of the study again, by its id, and compare."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of study files, for editors.")
@click.version_option(package_name="eisnn-study")
def main(**options: Any) -> None:
    """Run or resume an ablation study of E-I spiking networks."""
    with forgiving():
        code = _exit_code(Options(**options))
    sys.exit(code)


def _exit_code(options: Options) -> int:
    """Does what the options ask for, and returns the exit code."""
    problem = options.why_impossible()
    if problem is not None:
        return _say(problem, WRONG_INPUT)
    if options.schema:
        return _print_schema()
    trains = options.space is not None or options.resume is not None
    if trains and not options.dry_run and is_guest():
        return run_apart(__file__, options)
    handlers = _interruptible()
    try:
        from eisnn.errors import ConfigError
        from study.store import StoreError, disk_trouble

        try:
            return _run(options) if trains else _look(options)
        except (ConfigError, StoreError) as error:
            return _say(str(error), WRONG_INPUT)
        except OSError as error:
            text = f"{error.filename or 'error'}: {error.strerror or error}"
            if error.errno in NO_PLACE:
                advice = "no study can be kept there: give another --results or --name"
                return _say(f"{text}; {advice}", WRONG_INPUT)
            return _say(text, STOPPED if disk_trouble(error) else OUR_FAULT)
    except KeyboardInterrupt:  # before trials run, or after: nothing is lost
        return _say("stopped: interrupted\nresume with the same command", INTERRUPTED)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _interruptible() -> dict[signal.Signals, Any]:
    """Makes SIGTERM end the command as Ctrl-C does, and returns the handlers to restore."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    return before


def _look(options: Options) -> int:
    """Does what needs no study file: --status, --list, --clean."""
    from study import housekeeping

    if options.list_studies:
        _print(housekeeping.listing(options.results or Path("results")))
    if options.status is not None:
        _print(housekeeping.status(options.status).lines())
        _print_main_table(options.status)
    if options.clean is not None:
        cleaning = housekeeping.cleaning(options.clean)
        _print(cleaning.lines())
        if not cleaning.bytes:
            return DONE
        if not options.yes and not _agreed("delete them"):
            return _say("nothing was deleted; give --yes to delete without being asked", DONE)
        cleaning.carry_out()
    return DONE


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _print_main_table(folder: Path) -> None:
    """Prints the results so far, if there are any."""
    from reports.analysis.collect import StudyError
    from reports.tables.text import main_table_text

    try:
        print(main_table_text(folder))
    except StudyError:  # no replicate has ended yet
        return


def _agreed(what: str) -> bool:
    """Asks the user at a terminal; without one, returns False."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    return input(f"{what}? [y/N] ").strip().lower() in ("y", "yes")


def _run(options: Options) -> int:
    from study.request import from_file, from_folder
    from study.spec.reading import parse_set

    given = dict(parse_set(text) for text in options.sets)
    if options.space is not None:
        request = from_file(
            options.space,
            sets=given,
            smoke=options.smoke,
            name=options.name,
            results=options.results or Path("results"),
        )
    else:
        assert options.resume is not None
        request = from_folder(options.resume, given)
    if options.dry_run:
        from study.dry_run import dry_run

        plan = request.plan()
        folder = request.folder or request.results / plan.spec.name
        for text in dry_run(plan, folder, here=options.address in (None, "local")):
            print(text, flush=True)
        return DONE
    if options.reproduce is not None:
        from study.reproduce import reproduce

        return reproduce(request, options.reproduce)
    with uncollected():
        from study.session import run

    # "local" starts a Ray of our own even if RAY_ADDRESS is set.
    address = None if options.address == "local" else options.address
    code, folder = run(
        request, fresh=options.fresh, max_concurrent=options.max_concurrent, address=address
    )
    if code not in (DONE, STOPPED):
        return code
    reported = _report(folder)
    return code or reported


def _report(folder: Path) -> int:
    """Writes the report, and prints the main table and the page's path.

    A failure here does not touch the study's results.
    """
    if not (folder / "trials.csv").exists():
        return DONE
    try:
        from reports.page.page import write_report
        from reports.tables.text import main_table_text

        path = write_report(folder)
        print(main_table_text(folder))
        print(path)
    except KeyboardInterrupt:
        text = f"the report was interrupted; make it with: python -m reports {folder}"
        return _say(text, INTERRUPTED)
    except Exception as error:
        from study.store import disk_trouble

        text = f"the report could not be made: {type(error).__name__}: {error}"
        return _say(
            f"{text}; try: python -m reports {folder}",
            STOPPED if disk_trouble(error) else OUR_FAULT,
        )
    return DONE


def _print_schema() -> int:
    import json

    from study.spec.models import StudySpec
    from study.spec.reference import schema

    print(json.dumps(schema(StudySpec), indent=1))
    return DONE


if __name__ == "__main__":
    main()
