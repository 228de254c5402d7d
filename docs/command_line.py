"""Writes docs/command_line.md from the programs' own options: python docs/command_line.py"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "command_line.md"
HEAD = """# The command line

Made by `docs/command_line.py` from the programs themselves; `--help` says the same.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | our fault; the traceback is in the study's log.txt |
| 2 | the input: a file, an option, a folder, an address; nothing was started |
| 3 | done, but trials failed or have no result; or stopped before the end, and the message says why |
| 130 | interrupted by a signal; the same command goes on |
"""  # noqa: E501


def page() -> str:
    """Returns the page's text."""
    sys.path.insert(0, str(ROOT))
    import run_study
    from eisnn.__main__ import command as single
    from reports.__main__ import main as reports

    programs = {
        "python run_study.py": run_study.main,
        "python -m reports": reports,
        "python -m eisnn": single,
    }
    parts = [HEAD]
    for name, program in programs.items():
        parts.append("\n".join(_section(name, program)))
    return "\n".join(parts)


def _section(name: str, program: click.Command) -> Iterator[str]:
    summary = " ".join((program.help or "").split())
    yield f"## {name}\n\n{summary}\n"
    yield "| option | meaning |"
    yield "|---|---|"
    for parameter in program.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield f"| `{_names(parameter)}` | {_meaning(parameter)} |"
    yield ""


def _names(option: click.Option) -> str:
    words = option.opts[-1]
    if not option.is_flag and not option.count:
        metavar = option.make_metavar(click.Context(click.Command("")))
        words += " " + metavar.replace("INTEGER RANGE", "N")
    return words.replace("|", "\\|")


def _meaning(option: click.Option) -> str:
    text = (option.help or "").replace("|", "\\|").replace("<", "&lt;")
    if option.show_default and option.default is not None:
        text += f" Default: {option.default}."
    if option.envvar:
        text += f" Or from the environment: {option.envvar}."
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
