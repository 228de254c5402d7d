"""Colour jitter of a batch equals torchvision's on the same parameters, sample by sample."""

import pytest
import torch
from torchvision.transforms import functional as reference

from eisnn.data import colours
from eisnn.seeding import generator
from tests.eisnn.data.given import images


@pytest.mark.parametrize("operation", range(4))
def test_each_colour_operation_is_torchvisions(operation):
    x = images("tiny_imagenet", batch=32)
    x[0] = 0.3  # grey: no hue
    x[1, 1] = x[1, 0]  # two channels are the largest
    _, factors = colours.random_colours(x, (0.4, 0.4, 0.4, 0.1), generator(0))
    neutral = torch.tensor([1.0, 1.0, 1.0, 0.0]).repeat(32, 1)
    neutral[:, operation] = factors[:, operation]
    order = torch.tensor([operation, *(k for k in range(4) if k != operation)]).expand(32, 4)
    out = colours.colour_jitter(x, order, neutral)
    functions = [
        reference.adjust_brightness,
        reference.adjust_contrast,
        reference.adjust_saturation,
        reference.adjust_hue,
    ]
    for i in range(32):
        expected = functions[operation](x[i], factors[i, operation].item())
        torch.testing.assert_close(out[i], expected, atol=2e-6, rtol=0)


def test_colour_jitter_is_torchvisions_in_each_samples_order():
    x = images("tiny_imagenet", batch=64)
    order, factors = colours.random_colours(x, (0.4, 0.4, 0.4, 0.1), generator(1))
    out = colours.colour_jitter(x, order, factors)
    functions = [
        reference.adjust_brightness,
        reference.adjust_contrast,
        reference.adjust_saturation,
        reference.adjust_hue,
    ]
    for i in range(64):
        expected = x[i]
        for k in order[i].tolist():
            expected = functions[k](expected, factors[i, k].item())
        torch.testing.assert_close(out[i], expected, atol=1e-5, rtol=0)
    assert len({tuple(row) for row in order.tolist()}) > 12
    assert all(sorted(row) == [0, 1, 2, 3] for row in order.tolist())


def test_colour_factors_are_within_their_strengths():
    _, factors = colours.random_colours(
        torch.zeros(2000, 3, 1, 1), (0.4, 0.4, 0.4, 0.1), generator(0)
    )
    for k, (low, high) in enumerate([(0.6, 1.4)] * 3 + [(-0.1, 0.1)]):
        assert low <= factors[:, k].min() < low + 0.01
        assert high - 0.01 < factors[:, k].max() <= high
