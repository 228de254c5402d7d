"""What the terminal shows: lines where it is none, a live table where it is one."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from study.execution.display import Display
from tests.study.agenda.played import failing

Tree = dict[str, Any]


@pytest.fixture
def shown(world: Any, study_tree: Tree) -> Callable[..., str]:
    """What is shown of the study while it is played."""

    def show(*, terminal: bool = False, **options: Any) -> str:
        stream = io.StringIO()
        console = Console(file=stream, width=200, force_terminal=terminal, highlight=False)
        played = world(study_tree)
        agenda = played.open()
        with Display(console) as display:
            display.update(agenda)
            played.work(agenda, ended=display.ended, **options)
        return stream.getvalue()

    return show


def test_each_trial_has_a_line_with_its_value(shown: Callable[..., str]) -> None:
    lines = shown().splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("[1/12] full search 0: completed, val/accuracy 0.")
    assert " after 2 epochs; " in lines[0]
    assert lines[0].endswith(" left")
    assert lines[-1].startswith("[12/12] ")
    assert lines[-1].endswith(" after 2 epochs")  # nothing is left


def test_trials_of_further_repeats_are_told_apart(
    study_tree: dict[str, Any], shown: Callable[..., str]
) -> None:
    study_tree["search"]["repeats"] = 2
    lines = [line.partition("] ")[2].partition(":")[0] for line in shown().splitlines()]
    assert {"full search 0", "full search 0 of repeat 1"} < set(lines)
    assert len(set(lines)) == len(lines) == 24


def test_a_bug_is_said_with_the_end_of_its_traceback(shown: Callable[..., str], fit: Any) -> None:
    text = shown(fit=failing(fit, KeyError("[bold]bug")))
    assert "bn search 0 (" in text
    assert ") failed: KeyError: '[bold]bug'\n" in text  # no markup of rich's
    assert "\n    KeyError: '[bold]bug'\n" in text


def test_a_terminal_has_a_table_of_the_arms(shown: Callable[..., str]) -> None:
    text = shown(terminal=True)
    for word in ("tiny", "arm", "running", "best val/accuracy", "no_straight_through", "0/4"):
        assert word in text
    assert "[1/12]" not in text


def test_a_terminal_too_hears_of_failures(shown: Callable[..., str], fit: Any) -> None:
    assert "failed: KeyError: 'bug'" in shown(terminal=True, fit=failing(fit, KeyError("bug")))


def test_output_that_is_no_terminal_stays_plain_whatever_force_color_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notebooks and continuous integration set it, which rich takes for a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Display() as display:
        assert display.live is None
        display.note("[3/4] one line")
    assert capsys.readouterr().out == "[3/4] one line\n"
