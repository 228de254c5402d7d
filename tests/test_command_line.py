"""The page of the command line, and options that go together or do not."""

from __future__ import annotations

import importlib.util
import shlex
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from click.exceptions import Exit

from study.guest import is_guest
from study.options import Options
from tests.tiny import STUDY, command, write

ROOT = Path(__file__).resolve().parents[1]


def _page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "command_line.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_programs_say() -> None:
    module = _page()
    again = "write it again with: python docs/command_line.py"
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), again


def test_every_example_is_one_of_its_option() -> None:
    module = _page()
    for name, program in module.programs().items():
        for option, line in module.EXAMPLES[name].items():
            assert line.startswith(f"{name} "), line
            words = shlex.split(line.removeprefix(name).partition(">")[0])
            assert option in words, line
            with suppress(Exit):  # --version says it while it is read
                program.make_context(name, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "r", "--smoke"), "--smoke cannot go with --resume"),
        (("--resume", "r", "--name", "n"), "--name cannot go with --resume"),
        (("--resume", "r", "--results", "n"), "--results cannot go with --resume"),
        (("--space", "s", "--resume", "r"), "--space and --resume cannot go together"),
        (("--list", "--status", "r"), "--status and --list cannot go together"),
        (("--space", "s", "--dry-run", "--fresh"), "--dry-run and --fresh cannot go together"),
        (("--space", "s", "--yes"), "--yes goes with --clean"),
        (("--list", "--fresh"), "--fresh goes with --space or --resume"),
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


def test_in_a_test_we_are_guests() -> None:
    assert is_guest()


def test_studies_are_listed_looked_at_and_cleaned(tmp_path: Path) -> None:
    assert command("--list", "--results", tmp_path) == (0, f"{tmp_path}: holds no study\n")
    write(tmp_path, STUDY)
    for option in ("--status", "--clean"):
        code, output = command(option, tmp_path)
        assert (code, "holds no readable plan.json" in output) == (2, True), output
