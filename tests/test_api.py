"""docs/api.md is what the signatures and docstrings of the public names say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import eisnn

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("api_page", ROOT / "docs" / "api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/api.py"


def test_every_public_name_can_be_imported() -> None:
    for name in eisnn.__all__:
        assert getattr(eisnn, name).__doc__, name
