"""TinyImageNet from small files in the original format, and what is refused by name."""

import os

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from eisnn.data.readers import tiny_imagenet
from eisnn.errors import DataError
from tests.eisnn.data.given import load


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setattr(tiny_imagenet, "TRAIN_IMAGES", 4)
    monkeypatch.setattr(tiny_imagenet, "TEST_IMAGES", 1)


CLASSES = [f"n{10_000_000 + 7 * i}" for i in range(200)]


def write_jpeg(file, seed):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)
    (image.convert("L") if seed % 10 == 3 else image).save(
        file
    )  # some of the real ones are grey, too


@pytest.fixture(scope="module")
def tiny_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "tiny-imagenet-200"
    for label, wnid in enumerate(CLASSES):
        for i in range(4):
            write_jpeg(folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", 1000 * label + i)
    rows = []
    for i, label in enumerate(np.random.default_rng(0).permutation(200)):
        write_jpeg(folder / "val" / "images" / f"val_{i}.JPEG", 1_000_000 + i)
        rows.append(f"val_{i}.JPEG\t{CLASSES[label]}\t0\t32\t44\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(rows))
    (folder / "wnids.txt").write_text(
        "\n".join(reversed(CLASSES)) + "\n"
    )  # in no order, as the real one
    return folder.parent


def test_tiny_imagenet_is_read_as_by_torchvision(tiny_once):
    dataset = load("tiny_imagenet", tiny_once, validation_fraction=0.25)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [
        600,
        200,
        200,
    ]
    assert np.bincount(dataset.validation.labels).tolist() == [1] * 200
    resize = torchvision.transforms.Compose(
        [torchvision.transforms.Resize(32), torchvision.transforms.PILToTensor()]
    )
    reference = torchvision.datasets.ImageFolder(
        tiny_once / "tiny-imagenet-200" / "train", transform=resize
    )
    for position in (0, 1, 599):
        image, label = reference[int(dataset.train.rows[position])]
        assert torch.equal(dataset.train.images[position], image)
        assert dataset.train.labels[position] == label
    seventh = resize(
        Image.open(tiny_once / "tiny-imagenet-200" / "val" / "images" / "val_7.JPEG").convert("RGB")
    )
    assert torch.equal(dataset.test.images[7], seventh)
    assert dataset.test.labels[7] == np.random.default_rng(0).permutation(200)[7]


def test_tiny_imagenet_is_decoded_once(tiny_once, monkeypatch):
    first = load("tiny_imagenet", tiny_once, validation_fraction=0.25)

    def never(*args):
        raise AssertionError("decoded twice")

    monkeypatch.setattr("eisnn.data.readers.tiny_imagenet._small_image", never)
    assert torch.equal(
        load("tiny_imagenet", tiny_once, validation_fraction=0.25).test.images, first.test.images
    )


def altered(tiny_once, tmp_path):
    """A copy of links, without the cache, of which single files may be replaced."""
    for place, _, files in os.walk(tiny_once / "tiny-imagenet-200"):
        copy = tmp_path / os.path.relpath(place, tiny_once)
        copy.mkdir(parents=True)
        for file in files:
            os.symlink(os.path.join(place, file), copy / file)
    return tmp_path / "tiny-imagenet-200"


def test_a_truncated_jpeg_is_named(tiny_once, tmp_path):
    folder = altered(tiny_once, tmp_path)
    file = folder / "train" / CLASSES[0] / "images" / f"{CLASSES[0]}_1.JPEG"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=f"{file} is missing, truncated or corrupt"):
        load("tiny_imagenet", tmp_path)


def test_a_missing_class_folder_is_named(tiny_once, tmp_path):
    folder = altered(tiny_once, tmp_path)
    os.rename(folder / "train" / CLASSES[5], folder / "train" / "elsewhere")
    with pytest.raises(
        DataError,
        match=(
            "not complete: 1 folders have no .JPEG files, such as"
            f" {folder}/train/{CLASSES[5]}/images"
        ),
    ):
        load("tiny_imagenet", folder)


def test_an_unknown_class_in_the_annotations_is_named(tiny_once, tmp_path):
    folder = altered(tiny_once, tmp_path)
    table = folder / "val" / "val_annotations.txt"
    lines = table.read_text().splitlines()
    table.unlink()
    table.write_text("\n".join([*lines[:2], lines[2].replace("n1", "x1"), *lines[3:]]))
    with pytest.raises(
        DataError,
        match=r"val_annotations.txt, line 3: expected a file name, a tab and one of the classes",
    ):
        load("tiny_imagenet", folder)


def test_missing_tiny_imagenet_says_where_and_how(tmp_path):
    with pytest.raises(
        DataError, match=rf"(?s){tmp_path}/tiny-imagenet-200: no such folder.*cs231n.stanford.edu"
    ):
        load("tiny_imagenet", tmp_path)


@pytest.mark.parametrize("inside", ["images", ""])
def test_a_val_that_was_sorted_by_class_is_read(tiny_once, tmp_path, inside):
    published = load("tiny_imagenet", tiny_once, validation_fraction=0.25).test
    folder = altered(tiny_once, tmp_path)
    for line in (folder / "val" / "val_annotations.txt").read_text().splitlines():
        name, wnid = line.split("\t")[:2]
        place = folder / "val" / wnid / inside
        place.mkdir(parents=True, exist_ok=True)
        os.rename(folder / "val" / "images" / name, place / name)
    (folder / "val" / "val_annotations.txt").unlink()
    (folder / "val" / "images").rmdir()
    resorted = load("tiny_imagenet", tmp_path, validation_fraction=0.25).test
    assert resorted.labels.tolist() == list(range(200))
    assert torch.equal(resorted.images, published.images[published.labels.argsort()])


def test_a_class_with_too_few_images_is_refused(tiny_once, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_imagenet, "TRAIN_IMAGES", 500)
    with pytest.raises(DataError, match=r"200 of 200 classes lack images.* which has 4 of 500"):
        load("tiny_imagenet", tiny_once)
