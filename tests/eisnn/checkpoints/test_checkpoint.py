"""Damage of every kind to a checkpoint is noticed and named, and an untrusted file cannot run
code."""

from __future__ import annotations

import io
import pickle
import zipfile

import pytest
import torch

from eisnn.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from eisnn.errors import CheckpointError

STATE = {"epoch": 2, "model": {"w": torch.arange(4000.0)}}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)
    return path


def test_what_is_saved_comes_back(saved):
    state = load_checkpoint(saved)
    assert state["epoch"] == 2
    assert torch.equal(state["model"]["w"], STATE["model"]["w"])


def _flip_a_weight(content: bytes) -> bytes:
    at = content.index(torch.arange(1000.0, 1004.0).numpy().tobytes())
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[: len(c) // 2],
        lambda c: b"",
        lambda c: bytes(len(c)),
        lambda c: b"hello",
        _flip_a_weight,
    ],
    ids=["truncated", "empty", "zeros", "foreign", "one bit"],
)
def test_damage_is_named_with_the_file(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(
        CheckpointError, match=r"checkpoint\.pt: .*remove it to train from the start"
    ):
        load_checkpoint(saved)


def test_a_checkpoint_never_executes_code(saved, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"format": "eisnn-checkpoint-1", "model": Evil()}, saved)
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)
    saved.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)
    assert not (tmp_path / "pwned").exists()


def test_a_foreign_torch_file_and_a_missing_one_are_named(saved, tmp_path):
    torch.save({"weights": 1}, saved)
    with pytest.raises(CheckpointError, match="is not a checkpoint of this program"):
        load_checkpoint(saved)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.pt")


def test_it_is_an_ordinary_torch_file_with_checksums(saved):
    assert zipfile.ZipFile(io.BytesIO(saved.read_bytes())).testzip() is None
    assert torch.load(saved, weights_only=True)["epoch"] == 2
