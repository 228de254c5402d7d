"""Which code ran: a checkout's commit, and never that of a repository that it is installed in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eisnn.surroundings import code_key

ROOT = Path(__file__).resolve().parents[2]
SAY = "import json; from eisnn.surroundings import describe; print(json.dumps(describe()))"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def described(site: Path) -> dict[str, Any]:
    """What a process records whose code lies in ``site``."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    said = subprocess.run(
        [sys.executable, "-c", SAY], cwd=site, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "analysis.py").write_text("# the user's own\n")
    git(tmp_path, "add", "analysis.py")
    git(tmp_path, "commit", "--quiet", "--message", "mine")
    return tmp_path


def copied(site: Path) -> Path:
    for room in ("eisnn", "study", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, site / room, ignore=ignored)
    return site


def test_the_commit_of_a_users_repository_is_not_the_codes(repository: Path) -> None:
    found = described(copied(repository / "lib" / "site-packages"))
    assert found["commit"] is None
    assert found["uncommitted_changes"] == ""
    assert found["code"] == code_key()  # the same sources
    assert "torch" in found["packages"]


def test_the_commit_of_the_codes_own_repository_is_recorded(repository: Path) -> None:
    site = copied(repository)
    git(site, "add", "eisnn", "study", "configs")
    git(site, "commit", "--quiet", "--message", "all")
    with (site / "eisnn" / "errors.py").open("a") as file:
        file.write("# changed\n")
    found = described(site)
    assert found["commit"] == git(site, "rev-parse", "HEAD")
    assert "+# changed" in found["uncommitted_changes"]
    assert found["code"] != code_key()
