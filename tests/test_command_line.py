"""The page of the command line."""

from __future__ import annotations

import importlib.util
import shlex
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from click.exceptions import Exit

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
