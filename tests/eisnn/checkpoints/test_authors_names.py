"""The authors' parameter names: told from ours, and found in networks of every kind."""

import pytest

from eisnn.checkpoints.authors import load_authors_state_dict
from eisnn.checkpoints.authors_names import looks_like_the_authors
from eisnn.networks import build_model
from tests.eisnn import golden
from tests.eisnn.checkpoints.narrow import vgg, weights


@pytest.mark.parametrize("norm", ["ei", "bn"])
def test_heavy_heads_load_by_the_same_pattern(norm):
    model = build_model(
        {"model": {"arch": "VGG", "layers": 8, "norm": norm, "head": "heavy", "width": 0.0625}}
    )
    keys = golden.authors_keys(model)
    assert [name for name in keys if name.startswith("layers.38.")]
    report = load_authors_state_dict(model, golden.weights(keys, seed=3))
    assert len(report.loaded) + len(report.dropped) == len(keys)


def test_their_names_are_told_from_ours():
    assert looks_like_the_authors(weights())
    assert looks_like_the_authors(weights("bn"))
    assert not looks_like_the_authors(vgg().state_dict())
    assert not looks_like_the_authors(
        build_model({"model": {"arch": "ResNet", "layers": 18, "width": 0.1}}).state_dict()
    )
