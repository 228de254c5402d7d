"""What comes out of eisnn.data.loading.

The right images, in exact, disjoint, stratified, reproducible splits; and batches of them.
"""

import gzip
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from eisnn.config.trial import DataConfig
from eisnn.data import cache as data_cache
from eisnn.data import loading as data
from eisnn.data import splits
from eisnn.data.readers import idx as datasets
from eisnn.errors import DataError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
IDX = datasets.FILES


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No network, no cache of this machine's user, no data root from outside."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.delenv("EISNN_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def digits(**options):
    return data.load(DataConfig(name="digits", **options), T=4)


def numbers(split):
    """Each image as bytes, so that sets of images can be compared."""
    return [image.numpy().tobytes() for image in split.images]


# --- digits and splits


def test_digits_are_those_of_scikit_learn_in_the_unit_interval():
    dataset = digits()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1258, 180, 359)
    assert (dataset.classes, dataset.input_shape) == (10, (1, 8, 8))
    expected = {
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(*load_digits(return_X_y=True), strict=True)
    }
    found = [
        pair
        for split in (dataset.train, dataset.validation, dataset.test)
        for pair in zip(numbers(split), split.labels.tolist(), strict=True)
    ]
    assert set(found) == expected
    assert len(found) == 1797
    x, _ = next(data.batches(dataset.train, 1258))
    assert (x.dtype, x.min().item(), x.max().item()) == (torch.float32, 0.0, 1.0)


def test_splits_are_disjoint():
    dataset = digits()
    rows = torch.cat([dataset.train.rows, dataset.validation.rows, dataset.test.rows])
    assert sorted(rows.tolist()) == list(range(1797))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_splits_are_stratified(part):
    labels = getattr(digits(), part).labels
    share = np.bincount(labels, minlength=10) / len(labels)
    whole = np.bincount(load_digits().target) / 1797
    assert np.abs(share - whole).max() * len(labels) <= 1  # at most one image off


def test_splits_are_a_function_of_split_seed():
    first, again, other = digits(split_seed=3), digits(split_seed=3), digits(split_seed=4)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(first, part).rows, getattr(again, part).rows)
        assert not torch.equal(getattr(first, part).rows, getattr(other, part).rows)


def test_train_size_and_validation_fraction_do_not_touch_the_test_set():
    full, small = digits(), digits(train_size=500, validation_fraction=0.3)
    assert torch.equal(full.test.rows, small.test.rows)
    assert (len(small.train), len(small.validation)) == (350, 150)
    assert not set(small.train.rows.tolist()) & set(small.test.rows.tolist())


def test_test_size_is_a_stratified_part_of_the_test_set():
    full, small = digits(), digits(test_size=100)
    assert set(small.test.rows.tolist()) < set(full.test.rows.tolist())
    assert np.bincount(small.test.labels).tolist() == [10] * 10
    assert torch.equal(full.train.rows, small.train.rows)


@pytest.mark.parametrize("size", [10, 11, 1427, 1428, 1429, 1437, 1438])
def test_every_train_size_that_can_be_met_is_met_exactly(size):
    of = np.repeat(np.arange(10), 144)[:1438]
    chosen = splits.choose(of, size, seed=0, key="data.train_size", of="images")
    assert len(set(chosen.tolist())) == size
    assert np.ptp(np.bincount(of[chosen])) <= 3  # the classes hold 144 or 142


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train_size": 1439},
            "data.train_size must be at most 1438, the number of training images of digits, given 1439",
        ),
        (
            {"train_size": 9},
            "data.train_size must be at least 10, one image of each class of training images of digits, given 9",
        ),
        (
            {"test_size": 360},
            "data.test_size must be at most 359, the number of test images of digits, given 360",
        ),
        (
            {"train_size": 50},
            r"data.validation_fraction \(0.1\) asks for 5 of 50 training images of digits, leaving 45",
        ),
        ({"validation_fraction": 0.999}, "both parts need at least 10 images, one of each class"),
    ],
)
def test_a_size_that_cannot_be_met_is_refused_with_the_numbers(options, message):
    with pytest.raises(DataError, match=message):
        digits(**options)


def test_people_are_in_training_or_validation_not_both():
    users = np.repeat(np.arange(1, 24), 7)
    rest, held = splits.divide_users(users, 0.1, seed=0, key="k", of="images")
    assert len(set(users[held])) == 2
    assert set(users[rest]) | set(users[held]) == set(range(1, 24))
    assert not set(users[rest]) & set(users[held])
    assert len(rest) + len(held) == len(users)


# --- batches


def test_batches_follow_the_order_and_keep_the_last_partial_one():
    split = digits().train
    order = data.shuffled(len(split), seed=1, epoch=2, device="cpu")
    got = list(data.batches(split, 100, order=order))
    assert [len(y) for _, y in got] == [100] * 12 + [58]
    assert torch.equal(torch.cat([y for _, y in got]), split.labels[order])
    assert torch.equal(torch.cat([x for x, _ in got]), split.images[order].float() / 16)


def test_batches_without_order_come_as_they_are_and_part_of_an_order_is_allowed():
    split = digits().test
    x, y = next(data.batches(split, 1000))
    assert torch.equal(x, split.images.float() / 16)
    assert torch.equal(y, split.labels)
    ((x, _),) = data.batches(split, 4, order=torch.tensor([5, 5, 0]))
    assert torch.equal(x, split.images[[5, 5, 0]].float() / 16)


def test_every_grey_value_stays_in_the_unit_interval():
    stored = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    x, _ = next(data.batches(data.Split(stored, torch.zeros(1, dtype=torch.int64), 1 / 255), 1))
    assert (x.min().item(), x.max().item()) == (0.0, 1.0)
    torch.testing.assert_close(x, stored.float() / 255)


def test_writing_to_a_batch_does_not_reach_the_images():
    split = digits().train
    before = split.images.clone()
    for x, _ in data.batches(split, 64):
        x.zero_()
    assert torch.equal(split.images, before)


def test_a_split_that_exceeds_its_budget_is_streamed():
    split = digits().train
    assert data.to_device(split, "cpu") is split
    moved = data.to_device(split, "meta")
    assert (moved.stored.device.type, moved.rows, len(moved)) == ("meta", None, len(split))
    streamed = data.to_device(split, "meta", budget=1000)
    assert (streamed.stored.device.type, streamed.device.type) == ("cpu", "meta")
    x, y = next(data.batches(streamed, 32, order=torch.arange(100)))
    assert (x.device.type, y.device.type, x.shape, x.dtype) == (
        "meta",
        "meta",
        (32, 1, 8, 8),
        torch.float32,
    )


def test_shuffled_is_a_permutation_and_a_function_of_seed_and_epoch():
    one = data.shuffled(1000, seed=7, epoch=3, device="cpu")
    torch.manual_seed(0)
    assert torch.equal(one, data.shuffled(1000, seed=7, epoch=3, device="cpu"))
    assert sorted(one.tolist()) == list(range(1000))
    others = [
        data.shuffled(1000, seed=s, epoch=e, device="cpu") for s, e in [(7, 4), (8, 3), (3, 7)]
    ]
    assert not any(torch.equal(one, other) for other in others)


# --- idx files


def write_idx(file, array):
    raw = (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(raw) if file.suffix == ".gz" else raw)


def write_mnist(folder, suffix="", seed=0, train=200, test=50):
    random = np.random.default_rng(seed)
    for part, count in (("train", train), ("t10k", test)):
        write_idx(
            folder / f"{part}-images-idx3-ubyte{suffix}",
            random.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        )
        write_idx(
            folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(count, dtype=np.uint8) % 10
        )


def load(name, root, **options):
    return data.load(DataConfig(name=name, root=str(root), **options), T=4)


@pytest.mark.parametrize(
    ("name", "torchvision_name"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_idx_files_in_torchvisions_layout_are_read_as_torchvision_does(
    tmp_path, name, torchvision_name
):
    import torchvision

    write_mnist(tmp_path / torchvision_name / "raw")
    dataset = load(name, tmp_path)
    reference = getattr(torchvision.datasets, torchvision_name)(tmp_path, train=True)
    assert torch.equal(dataset.train.stored[:, 0], reference.data)
    assert torch.equal(dataset.train.labels, reference.targets[dataset.train.rows])
    reference = getattr(torchvision.datasets, torchvision_name)(tmp_path, train=False)
    assert torch.equal(dataset.test.images[:, 0], reference.data)
    assert torch.equal(dataset.test.labels, reference.targets)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (180, 20, 50)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_in_a_flat_folder_given_by_the_environment(tmp_path, monkeypatch, suffix):
    write_mnist(tmp_path / "flat", suffix)
    monkeypatch.setenv("EISNN_DATA", str(tmp_path / "flat"))
    assert len(data.load(DataConfig(name="mnist"), T=4).test) == 50


def test_a_missing_dataset_says_where_it_was_looked_for_and_how_to_get_it(tmp_path, monkeypatch):
    write_mnist(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / IDX[2]).unlink()
    monkeypatch.setattr(datasets, "DEBIAN_FASHION_MNIST", tmp_path / "no-package")
    with pytest.raises(DataError) as error:
        load("fashion_mnist", tmp_path)
    message = str(error.value)
    for part in (
        f"{tmp_path}/FashionMNIST/raw: no such folder",
        f"{tmp_path}/fashion-mnist: lacks t10k-images-idx3-ubyte",
        f"{tmp_path}/no-package: no such folder",
        "apt-get install dataset-fashion-mnist",
        "EISNN_DATA",
        "no network in tests",
    ):
        assert part in message
    assert not (tmp_path / "FashionMNIST").exists()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("keep", [0, 3, 10, -7])
def test_a_truncated_idx_file_is_named(tmp_path, suffix, keep):
    write_mnist(tmp_path, suffix)
    file = tmp_path / f"{IDX[2]}{suffix}"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=f"{file} is truncated"):
        load("mnist", tmp_path)


def test_a_file_that_is_not_idx_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / IDX[1]).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=f"{IDX[1]} is truncated or not an idx file.*3c 68 74 6d"):
        load("mnist", tmp_path)


def test_labels_and_images_must_fit_each_other_and_the_dataset(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / IDX[1], np.arange(199, dtype=np.uint8) % 10)
    with pytest.raises(DataError, match="mnist: 200 training images but 199 labels"):
        load("mnist", tmp_path)
    write_idx(tmp_path / IDX[1], np.arange(200, dtype=np.uint8) % 11)
    with pytest.raises(DataError, match="training labels must be 0 to 9, found 0 to 10"):
        load("mnist", tmp_path)


def test_fashion_mnist_files_are_not_taken_for_mnist(tmp_path):
    write_mnist(tmp_path)
    labels = np.arange(200, dtype=np.uint8) % 10
    labels[:16] = datasets.FIRST_LABELS["fashion_mnist"]
    write_idx(tmp_path / IDX[1], labels)
    with pytest.raises(DataError, match="holds the labels of fashion_mnist, not of mnist"):
        load("mnist", tmp_path)


def test_a_download_is_whole_or_not_there(tmp_path, monkeypatch):
    def fetch(root, download):
        assert download
        write_mnist(Path(root) / "MNIST" / "raw")

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    assert len(load("mnist", tmp_path).test) == 50
    assert sorted(p.name for p in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(IDX)

    def broken(root, download):
        write_idx(Path(root) / "MNIST" / "raw" / IDX[0], np.zeros((5, 28, 28), dtype=np.uint8))
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr("torchvision.datasets.MNIST", broken)
    with pytest.raises(DataError, match=r"mnist was not found(?s:.*)File not found or corrupted"):
        load("mnist", tmp_path / "other")
    assert not (tmp_path / "other" / "MNIST").exists()


# --- decoded once


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


def test_a_read_only_root_is_cached_for_the_user(tmp_path, monkeypatch):
    write_mnist(tmp_path / "root")
    (tmp_path / "root" / ".eisnn").write_text(
        "a file, so that no folder can be made here, even by root"
    )
    assert len(load("mnist", tmp_path / "root").test) == 50
    assert list((tmp_path / "user-cache" / "eisnn").glob("mnist-*/images.npy"))


def test_without_any_place_to_write_images_are_decoded_in_memory(tmp_path, monkeypatch):
    write_mnist(tmp_path / "root")
    (tmp_path / "root" / ".eisnn").write_text("")
    (tmp_path / "user-cache").write_text("")
    with pytest.warns(UserWarning, match="no place for decoded images: mnist"):
        assert len(load("mnist", tmp_path / "root").test) == 50


# --- the real thing


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_the_debian_package(tmp_path):
    dataset = load("fashion_mnist", tmp_path / "empty")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (54000, 6000, 10000)
    assert np.bincount(dataset.train.labels).tolist() == [5400] * 10
    assert np.bincount(dataset.validation.labels).tolist() == [600] * 10
    assert dataset.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert dataset.train.stored.float().mean().item() / 255 == pytest.approx(
        0.2860, abs=1e-4
    )  # the published mean
    assert dataset.input_shape == dataset.train.images.shape[1:]
    assert not (tmp_path / "empty").exists()


# --- edges


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (1, 4, [1]), (5, 4, [5]), (3, 1, [1, 1, 1])],
)
def test_a_last_training_batch_of_one_image_joins_the_batch_before(images, size, expected):
    split = data.Split(torch.zeros(images, 1, 2, 2), torch.arange(images), 1.0)
    served = list(data.batches(split, size, training=True))
    assert [len(y) for _, y in served] == expected
    assert torch.cat([y for _, y in served]).tolist() == list(range(images))
    assert data.batch_count(images, size) == len(expected)


def test_a_split_without_a_class_is_refused(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / IDX[3], np.arange(50, dtype=np.uint8) % 9)
    with pytest.raises(DataError, match="mnist: no test image is of class 9"):
        load("mnist", tmp_path)


def test_idx_files_named_with_a_dot_are_found(tmp_path):
    write_mnist(tmp_path)
    for name in IDX:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    assert len(load("mnist", tmp_path).test) == 50


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


def test_every_dataset_has_its_reader_and_its_transform():
    from eisnn.config.datasets import DATASETS
    from eisnn.data import transforms

    for published in DATASETS.values():
        assert callable(data._reader(published))
        assert published.transform is None or callable(getattr(transforms, published.transform))
