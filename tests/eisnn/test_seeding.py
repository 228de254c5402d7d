"""Random numbers that derive from what they are for."""

import torch

from eisnn.seeding import derive, generator


def test_a_seed_depends_on_every_part_and_on_their_order():
    parts = [
        (0, "init", "a"),
        (1, "init", "a"),
        (0, "build", "a"),
        (0, "init", "b"),
        (0, "a", "init"),
    ]
    seeds = {derive(*part) for part in parts}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_the_same_in_every_version():
    """If this changes, so does every trained number: NUMERICS_VERSION must be raised."""
    assert derive(0, "init", "layers.0", "W_EE") == 1338582915806103141


def test_a_generator_is_fresh_at_each_call():
    first, again = (torch.rand(3, generator=generator(7, "x")) for _ in range(2))
    assert torch.equal(first, again)
