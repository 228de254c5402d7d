"""``log.txt``: where it is written, and where nothing is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study import store
from study.log import logging_to
from tests.tiny import fill

Tree = dict[str, Any]
Study = Callable[..., Any]


def test_a_log_that_is_a_link_is_not_followed(
    without_ray: Study, study_tree: Tree, tmp_path: Path
) -> None:
    study = without_ray(study_tree)
    _, folder = study.run()
    outside = tmp_path / "outside"
    outside.write_text("keep")
    (folder / "log.txt").unlink()
    (folder / "log.txt").symlink_to(outside)
    study.run()
    assert outside.read_text() == "keep"
    assert not (folder / "log.txt").is_symlink()


def test_a_log_that_cannot_be_written_is_not_complained_of(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(small / "log.txt"):
        fill(small, 0)
        for _ in range(2000):
            logging.getLogger("study").error("what a full disk has no room for")
    assert store.free_bytes(small) == 0
    assert capsys.readouterr().err == ""
