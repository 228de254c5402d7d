"""Files that appear whole or not at all."""

from __future__ import annotations

import pytest

from eisnn.files import replacing, write_whole


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "saved"
    path.write_bytes(b"old")
    return path


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(
        "os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        write_whole(saved, b"new")
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(saved):
    with replacing(saved) as aside:
        aside.write_bytes(b"ne")
        assert saved.read_bytes() == b"old"
        aside.write_bytes(b"new")
    assert saved.read_bytes() == b"new"
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_an_error_of_the_disk_names_the_file(saved):
    with pytest.raises(OSError, match="full") as refused, replacing(saved):
        raise OSError(28, "the disk is full")
    assert refused.value.filename == str(saved)
