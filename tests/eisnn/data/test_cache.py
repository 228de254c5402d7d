"""Files that are decoded once, and served from a mapped file then."""

import os
import threading

import numpy as np
import pytest
import torch

from eisnn.data import cache as data_cache
from eisnn.data.readers import idx as datasets
from tests.eisnn.data.given import load
from tests.eisnn.data.idx_files import write_mnist


def test_decoded_images_are_mapped_from_one_file_and_not_decoded_again(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    first = load("mnist", tmp_path)
    assert isinstance(datasets.mnist(tmp_path, 4).images, np.memmap)
    assert first.train.stored.data_ptr() == first.validation.stored.data_ptr()

    def never(file):
        raise AssertionError("decoded twice")

    monkeypatch.setattr(datasets, "read_idx", never)
    again = load("mnist", tmp_path)
    assert torch.equal(first.train.images, again.train.images)
    assert len(list((tmp_path / ".eisnn").glob("mnist-*/images.npy"))) == 1


def test_changed_files_are_decoded_anew(tmp_path):
    write_mnist(tmp_path, seed=0)
    first = load("mnist", tmp_path)
    write_mnist(tmp_path, seed=1)
    assert not torch.equal(first.test.images, load("mnist", tmp_path).test.images)


def test_a_damaged_cache_is_made_again(tmp_path):
    write_mnist(tmp_path)
    first = load("mnist", tmp_path)
    images = first.test.images.clone()
    del first
    (file,) = (tmp_path / ".eisnn").glob("mnist-*/test_images.npy")
    os.truncate(file, 1000)
    assert torch.equal(load("mnist", tmp_path).test.images, images)


def test_writing_to_mapped_images_does_not_reach_the_cache(tmp_path):
    write_mnist(tmp_path)
    first = load("mnist", tmp_path)
    images = first.test.stored.clone()
    first.test.stored.zero_()
    assert torch.equal(load("mnist", tmp_path).test.stored, images)


def test_concurrent_first_users_decode_once(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    decodings = []
    start = threading.Barrier(8)
    results = []

    def decode():
        decodings.append(1)
        return {"images": np.arange(10, dtype=np.uint8)}

    def user():
        start.wait()
        results.append(
            data_cache.decoded("some", [tmp_path / "file"], tmp_path, decode)["images"].tolist()
        )

    threads = [threading.Thread(target=user) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(10))] * 8
    assert len(decodings) == 1
    assert sorted(p.suffix for p in (tmp_path / ".eisnn").iterdir()) == [
        "",
        ".lock",
    ]  # nothing left aside


def test_a_read_only_root_is_cached_for_the_user(tmp_path):
    write_mnist(tmp_path / "root")
    (tmp_path / "root" / ".eisnn").write_text(
        "a file, so that no folder can be made here, even by root"
    )
    assert len(load("mnist", tmp_path / "root").test) == 50
    assert list((tmp_path / "user-cache" / "eisnn").glob("mnist-*/images.npy"))


def test_without_any_place_to_write_images_are_decoded_in_memory(tmp_path):
    write_mnist(tmp_path / "root")
    (tmp_path / "root" / ".eisnn").write_text("")
    (tmp_path / "user-cache").write_text("")
    with pytest.warns(
        UserWarning,
        match="no folder for decoded images can be written: every process decodes mnist",
    ):
        assert len(load("mnist", tmp_path / "root").test) == 50


def test_a_file_that_changes_in_its_folder_renews_the_cache(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "one").write_bytes(b"a")

    def content():
        return {"images": np.frombuffer((folder / "one").read_bytes(), np.uint8)}

    first = data_cache.decoded("some", [folder], tmp_path, content)["images"].tolist()
    times = folder.stat()
    (folder / "one").write_bytes(b"bc")  # in place: the folder's own time does not change
    assert folder.stat().st_mtime_ns == times.st_mtime_ns
    assert data_cache.decoded("some", [folder], tmp_path, content)["images"].tolist() != first
