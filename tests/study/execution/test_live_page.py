"""A page is renewed while a study runs, by a process that ends when the study does."""

import json
from pathlib import Path

from study.execution.live_page import EVERY, LivePage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_study(folder: Path) -> Path:
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"study": "s", "arms": []}))
    return folder


def test_nothing_starts_in_the_first_minute(tmp_path: Path) -> None:
    clock = Clock()
    page = LivePage(a_study(tmp_path / "s"), clock)
    clock.now = EVERY - 1
    page.renew()
    assert page.process is None


def test_a_page_that_reloads_itself_is_written_and_the_next_one_waits(tmp_path: Path) -> None:
    clock = Clock()
    page = LivePage(a_study(tmp_path / "s"), clock)
    clock.now = EVERY
    page.renew()
    started = page.process
    assert started is not None
    clock.now += EVERY
    page.renew()
    assert page.process is started or started.poll() is not None  # never two at a time
    assert started.wait(120) == 0
    assert 'http-equiv="refresh"' in (tmp_path / "s/report/index.html").read_text()
    page.renew()  # sees that it has ended, and waits again
    clock.now += EVERY - 1
    page.renew()
    assert page.process is None


def test_a_rendering_ends_with_the_study(tmp_path: Path) -> None:
    clock = Clock()
    page = LivePage(a_study(tmp_path / "s"), clock)
    clock.now = EVERY
    page.renew()
    started = page.process
    assert started is not None
    page.stop()
    assert started.poll() is not None
