"""Random numbers, one for each sample of a batch."""

import torch

from eisnn.data import draws
from eisnn.seeding import generator


def test_integers_reach_both_ends_and_nothing_beyond():
    drawn = draws.integers(1000, -2, 2, torch.zeros(1), generator("draws"))
    assert drawn.shape == (1000, 1)
    assert drawn.unique().tolist() == [-2, -1, 0, 1, 2]


def test_uniform_numbers_fill_their_interval():
    """Of 4000 numbers from -1 to 3, a quarter is below 0; of uint8 images they are float32."""
    drawn = draws.uniform(4000, -1.0, 3.0, torch.zeros(1, dtype=torch.uint8), generator("draws"))
    assert (drawn.shape, drawn.dtype) == ((4000, 1), torch.float32)
    assert drawn.min() >= -1
    assert drawn.max() < 3
    assert 0.22 < (drawn < 0).float().mean() < 0.28


def test_the_generator_decides():
    like = torch.zeros(1, dtype=torch.float64)
    first, again = (draws.uniform((3, 2), 0, 1, like, generator("a")) for _ in range(2))
    assert (first.shape, first.dtype) == ((3, 2), torch.float64)
    assert torch.equal(first, again)
