"""Each batched transform equals torchvision's on the same parameters, sample by sample.

Parameters are random per sample and seeded.
"""

import math

import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as reference

from eisnn.config.datasets import DATASETS
from eisnn.data import transforms
from eisnn.data.pixels import interpolate, stretched
from eisnn.seeding import generator

NAMES = list(DATASETS)
RANDOM = ["cifar10", "cifar100", "tiny_imagenet", "cifar10_dvs", "dvs_gesture"]


def images(name, batch=16, T=3, seed=0):
    shape = DATASETS[name].shape
    events = name in ("cifar10_dvs", "dvs_gesture")
    torch.manual_seed(seed)
    return torch.rand(batch, T, *shape) * 12 if events else torch.rand(batch, *shape)


# --- every transform


@pytest.mark.parametrize("name", NAMES)
def test_shape_type_and_range_are_kept(name):
    x = images(name)
    out = transforms.augment(name, x, generator(0))
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    assert out.min() >= 0
    assert out.max() <= (x.max() if x.ndim == 5 else 1)


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion_mnist"])
def test_grey_images_have_no_transform(name):
    x = images(name)
    assert torch.equal(transforms.augment(name, x, generator(0)), x)


@pytest.mark.parametrize("name", RANDOM)
def test_the_generator_decides_and_nothing_else(name):
    x = images(name)
    first = transforms.augment(name, x, generator(5, "augment", 1))
    torch.manual_seed(99)
    assert torch.equal(first, transforms.augment(name, x, generator(5, "augment", 1)))
    assert not torch.equal(first, transforms.augment(name, x, generator(5, "augment", 2)))


@pytest.mark.parametrize("name", RANDOM)
def test_every_sample_has_parameters_of_its_own(name):
    x = images(name, batch=1).expand(64, *images(name).shape[1:])
    out = transforms.augment(name, x, generator(1))
    assert len({sample.numpy().tobytes() for sample in out}) >= 60


@pytest.mark.parametrize("name", RANDOM)
def test_a_sample_does_not_depend_on_the_others_in_its_batch(name):
    x = images(name)
    changed = x.clone()
    changed[1:] = images(name, seed=1)[1:]
    assert torch.equal(
        transforms.augment(name, x, generator(2))[0],
        transforms.augment(name, changed, generator(2))[0],
    )


@pytest.mark.parametrize("name", ["cifar10_dvs", "dvs_gesture"])
def test_all_frames_of_an_event_sample_undergo_the_same(name):
    x = images(name, T=1).expand(-1, 5, -1, -1, -1)
    out = transforms.augment(name, x, generator(3))
    assert torch.equal(out, out[:, :1].expand_as(out))


@pytest.mark.parametrize("name", RANDOM)
def test_the_input_is_left_alone(name):
    x = images(name)
    before = x.clone()
    transforms.augment(name, x, generator(4))
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_read_back_from_the_device(name):
    """A meta tensor has no values: a transform that needs one of them on the host raises here."""
    out = transforms.augment(name, images(name).to("meta"), None)
    assert out.shape == images(name).shape


# --- crop, flip, erase


def test_cifar_crops_reach_every_offset_and_flip_half():
    """An image whose pixels are unique tells where its middle pixels went."""
    batch = 4000
    x = (torch.arange(32 * 32.0).reshape(1, 1, 32, 32) + 1).expand(batch, 3, -1, -1)
    out = transforms.cifar(x, generator(0))
    middle = out[:, 0, 12:20, 12:20].flatten(1)
    kept = (middle > 0).all(1)  # the others were erased there
    pixel = out[kept, 0, 16, 16].long() - 1
    flipped = out[kept, 0, 16, 17] < out[kept, 0, 16, 16]
    rows, cols = pixel // 32 - 16, torch.where(flipped, 31 - 16 - pixel % 32, pixel % 32 - 16)
    assert set(rows.tolist()) == set(range(-4, 5)) == set(cols.tolist())
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert torch.bincount(rows + 4).min() > 0.7 * kept.sum() / 9


def test_erasing_is_black_in_all_channels_in_half_of_the_samples_and_of_2_to_40_percent():
    x = torch.ones(4000, 3, 32, 32)
    mask = transforms.random_erasing(x, generator(0))
    assert mask.shape == (4000, 1, 32, 32)
    share = (~mask).flatten(1).float().mean(1)
    erased = share[share > 0]
    assert len(erased) / 4000 == pytest.approx(0.5, abs=0.03)
    assert 0.015 < erased.min() < 0.03
    assert 0.38 < erased.max() < 0.42
    assert erased.mean().item() == pytest.approx(0.21, abs=0.01)
    for box in (
        ~mask[share > 0][:200, 0]
    ).int():  # a rectangle: its rows are all alike, and its columns
        rows, cols = box.amax(1), box.amax(0)
        assert torch.equal(box, rows[:, None] * cols[None, :])
        assert 0.35 < rows.sum() / cols.sum() < 2.9


# --- random resized crop


def test_resized_crop_is_torchvisions():
    x = images("tiny_imagenet")
    boxes = transforms.random_boxes(x, (0.08, 1.0), generator(0))
    rows, cols = (stretched(boxes[i], boxes[i + 2], 32, x) for i in (0, 1))
    out = interpolate(x, rows, cols)
    for i in range(16):
        top, left, height, width = (int(part[i]) for part in boxes)
        expected = reference.resized_crop(x[i], top, left, height, width, [32, 32], antialias=True)
        torch.testing.assert_close(out[i], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.7, 1.0), (0.5, 1.0)])
def test_boxes_are_distributed_as_torchvisions(scale):
    x = torch.zeros(3000, 1, 48, 48)
    top, left, height, width = (
        part[:, 0] for part in transforms.random_boxes(x, scale, generator(0))
    )
    assert ((top >= 0) & (left >= 0) & (top + height <= 48) & (left + width <= 48)).all()
    torch.manual_seed(0)
    expected = torch.tensor(
        [RandomResizedCrop.get_params(x[0], list(scale), [3 / 4, 4 / 3]) for _ in range(3000)]
    ).float()
    for ours, theirs in (
        (top, 0),
        (left, 1),
        (height, 2),
        (width, 3),
        (height * width / 48**2, None),
    ):
        other = expected[:, 2] * expected[:, 3] / 48**2 if theirs is None else expected[:, theirs]
        spread = math.sqrt((ours.var() + other.var()) / 3000)
        assert abs(ours.mean() - other.mean()) < 4 * spread
        assert ours.std().item() == pytest.approx(other.std().item(), rel=0.1)


def test_a_crop_of_the_whole_image_is_the_image():
    x = images("tiny_imagenet")
    zero, full = torch.zeros(16, 1), torch.full((16, 1), 32.0)
    positions = stretched(zero, full, 32, x)
    assert torch.equal(interpolate(x, positions, positions), x)


# --- colours


# --- events


def test_event_samples_are_rolled_or_rotated_or_erased():
    batch = 1200
    x = (torch.arange(48 * 48.0).reshape(1, 1, 48, 48) + 1).expand(batch, 2, -1, -1)
    out = transforms.random_roll_rotate_or_erase(x, generator(0))
    counts = {"roll": 0, "erase": 0, "rotate": 0}
    shifts = set()
    for before, after in zip(x[:, 0], out[:, 0], strict=True):
        origin = int(after[24, 24]) - 1
        shift = (24 - origin // 48, 24 - origin % 48)
        if origin >= 0 and torch.equal(after, before.roll(shift, (0, 1))):
            counts["roll"] += 1
            shifts |= set(shift)
        elif torch.equal(after, before * (after > 0)) and 64 <= (after == 0).sum() <= 256:
            counts["erase"] += 1
        else:
            counts["rotate"] += 1
    assert all(340 < count < 460 for count in counts.values()), counts
    assert shifts == set(range(-5, 6))


def test_gestures_are_never_mirrored():
    ramp = torch.arange(48.0).expand(500, 2, 1, 48, 48)  # brighter to the right
    assert (transforms.augment("dvs_gesture", ramp, generator(0)).diff(dim=-1) >= 0).all()
    mirrored = transforms.augment("cifar10_dvs", ramp, generator(0))
    assert (mirrored[..., 0] > mirrored[..., -1]).any()
