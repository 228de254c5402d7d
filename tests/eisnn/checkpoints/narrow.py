"""A narrow VGG, and weights for it under the authors' names."""

from eisnn.networks import build_model
from tests.eisnn import golden

VGG = {"arch": "VGG", "layers": 4, "width": 0.125, "input_shape": [1, 8, 8]}


def vgg(norm="ei", **circuit):
    return build_model({"model": {**VGG, "norm": norm}, "circuit": circuit})


def weights(norm="ei", **circuit):
    return golden.weights(golden.authors_keys(vgg(norm, **circuit)), seed=0)
