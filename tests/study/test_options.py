"""Options that go together or do not, and the command line that means them."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.options import Options
from tests.tiny import command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "r", "--smoke"), "--smoke cannot be combined with --resume"),
        (("--resume", "r", "--name", "n"), "--name cannot be combined with --resume"),
        (("--resume", "r", "--results", "n"), "--results cannot be combined with --resume"),
        (("--space", "s", "--resume", "r"), "--space and --resume cannot go together"),
        (("--list", "--status", "r"), "--status and --list cannot go together"),
        (("--space", "s", "--dry-run", "--fresh"), "--dry-run and --fresh cannot go together"),
        (("--space", "s", "--yes"), "--yes can be combined with --clean"),
        (("--list", "--fresh"), "--fresh needs --space or --resume"),
    ],
)
def test_options_that_cannot_go_together_are_refused(
    arguments: tuple[str, ...], words: str
) -> None:
    code, output = command(*arguments)
    assert (code, words in output) == (2, True), output


def test_options_are_a_command_line_again() -> None:
    given = dict.fromkeys(Options.__dataclass_fields__)
    given |= {"space": Path("s.yaml"), "sets": ("a=1", "b=2"), "smoke": True, "dry_run": False}
    words = ["--space", "s.yaml", "--set", "a=1", "--set", "b=2", "--smoke"]
    assert sorted(Options(**given).arguments()) == sorted(words)
