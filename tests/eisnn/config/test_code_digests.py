"""What a trial remembers of users' code: which files count, and that edited code is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eisnn.config import code_digests
from eisnn.config.code_digests import digests, notes, sources, verify
from eisnn.config.user_code import UserCodeError

TREE = {"model": {"factory": "digested_net:build"}}


@pytest.fixture
def net(beside: Path) -> Path:
    """A network that imports a library and one of the two files beside it."""
    (beside / "digested_net.py").write_text("import json\nimport digested_part\n")
    (beside / "digested_part.py").write_text("cells = 4\n")
    (beside / "not_imported.py").write_text("cells = 5\n")
    return beside / "digested_net.py"


def test_a_module_counts_with_what_it_imports_from_its_folder(net: Path) -> None:
    part = net.with_name("digested_part.py")
    assert sources("digested_net", net) == {"digested_net": net, "digested_part": part}


def test_an_edit_of_an_imported_file_is_other_code(net: Path) -> None:
    planned = {**TREE, "code": digests(TREE)}
    assert [len(text) for text in planned["code"].values()] == [16]
    verify(planned)
    code_digests.digest.cache_clear()  # as in another process
    net.with_name("not_imported.py").write_text("cells = 6\n")
    verify(planned)
    code_digests.digest.cache_clear()
    net.with_name("digested_part.py").write_text("cells = 8\n")
    with pytest.raises(UserCodeError, match=r"digested_net\.py: has changed since this trial was"):
        verify(planned)


def test_what_will_run_is_said_with_its_file(net: Path) -> None:
    assert notes(TREE) == [f"runs your code: model.factory: digested_net:build ({net})"]
    assert "digested_net" not in sys.modules
