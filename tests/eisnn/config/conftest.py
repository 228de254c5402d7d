"""Users' code beside a config."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisnn.config import code_digests, user_code
from eisnn.config.user_code import look_in


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder beside a config; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(user_code._beside, "folders", [])
    monkeypatch.setattr(user_code._beside, "named", set())
    monkeypatch.setattr(user_code._beside, "found", set())
    code_digests.digest.cache_clear()
    look_in([tmp_path])
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
