"""Moved pixels of a batch are where torchvision moves them, sample by sample."""

import torch
from torchvision.transforms import functional as reference
from torchvision.transforms.functional import InterpolationMode

from eisnn.data import pixels
from tests.eisnn.data.given import images


def test_padded_crop_is_torchvisions():
    x = images("cifar10")
    top, left = torch.randint(0, 9, (2, 16))
    out = pixels.take(
        x, torch.arange(32) + (top - 4)[:, None], torch.arange(32) + (left - 4)[:, None]
    )
    for i in range(16):
        assert torch.equal(out[i], reference.crop(reference.pad(x[i], 4), top[i], left[i], 32, 32))


def test_rotation_is_torchvisions():
    x = images("cifar10_dvs", batch=24)
    degrees = torch.linspace(-30, 30, 24)[:, None] + 0.123
    rows = torch.arange(48)[None, :, None].expand(24, 48, 48)
    cols = torch.arange(48)[None, None, :].expand(24, 48, 48)
    out = pixels.take_2d(x, *pixels.rotated(rows, cols, degrees))
    for i in range(24):
        expected = reference.rotate(x[i], degrees[i].item(), InterpolationMode.NEAREST)
        assert (out[i] != expected).float().mean() < 1e-3  # pixels that lie halfway between two
