"""The families: their sizes, their ratios, and what reaches the read-out."""

import pytest

from eisnn.config.sections.model import SIZES
from eisnn.networks import Network, build_model
from eisnn.networks.families import MLP_TABLE, RESNET_TABLE, VGG_TABLE
from eisnn.networks.network import Residual


def n_I(model: Network) -> list[int]:
    return [layer.W_IE.shape[0] for layer in model.circuits()]


@pytest.mark.parametrize("r", [1, 2, 4, 8, 16])
def test_every_ratio_of_the_search_space_fits_a_ten_class_read_out(r):
    model = build_model({"model": {"arch": "VGG", "layers": 8}, "circuit": {"ei_ratio": r}})
    assert n_I(model) == [n // r for n in (64, 128, 256, 512, 512)] + [max(1, 10 // r)]


def test_a_ratio_that_a_hidden_layer_cannot_hold_is_refused_by_name():
    with pytest.raises(
        ValueError,
        match=(
            r"circuit.ei_ratio: layer 'features.0' has 8 excitatory cells, too few for a ratio"
            r" of 16"
        ),
    ):
        build_model(
            {"model": {"arch": "VGG", "layers": 4, "width": 0.125}, "circuit": {"ei_ratio": 16}}
        )


def test_one_ratio_per_layer_from_the_bottom_up_and_as_many_as_there_are_circuits():
    net = {"arch": "VGG", "layers": 4}
    assert n_I(build_model({"model": net, "circuit": {"ei_ratio": [1, 2, 8, 5]}})) == [
        64,
        64,
        32,
        2,
    ]
    with pytest.raises(ValueError, match=r"gives 3 ratios, but the network has more circuits"):
        build_model({"model": net, "circuit": {"ei_ratio": [1, 2, 8]}})
    with pytest.raises(ValueError, match=r"gives 5 ratios, but the network has 4 circuits"):
        build_model({"model": net, "circuit": {"ei_ratio": [1, 2, 8, 5, 4]}})
    with pytest.raises(
        ValueError, match=r"layer 'output' has 10 excitatory cells, too few for a ratio of 16"
    ):
        build_model(
            {"model": net, "circuit": {"ei_ratio": [1, 2, 8, 16]}}
        )  # given for this layer, so not silently lowered


def test_the_sizes_that_the_config_knows_are_those_of_the_tables():
    assert {
        "MLP": tuple(MLP_TABLE),
        "VGG": tuple(VGG_TABLE),
        "ResNet": tuple(RESNET_TABLE),
    } == SIZES


@pytest.mark.parametrize(
    ("arch", "layers"), [(arch, size) for arch, sizes in SIZES.items() for size in sizes]
)
def test_a_network_has_as_many_weighted_layers_as_its_name_says(arch, layers):
    model = build_model({"model": {"arch": arch, "layers": layers, "width": 0.1}})
    shortcuts = sum(
        module.shortcut is not None for module in model.modules() if isinstance(module, Residual)
    )
    # VGG-16 and -19 count three fully connected layers, of which a light head has one; tables of
    # the paper's authors
    light = 2 if arch == "VGG" and layers in (16, 19, 8, 11) else 0
    assert len(list(model.circuits())) - shortcuts == layers - light
    heavy = {"head": "heavy"} if arch == "VGG" else {}
    assert (
        len(
            list(
                build_model(
                    {"model": {"arch": arch, "layers": layers, "width": 0.1, **heavy}}
                ).circuits()
            )
        )
        - shortcuts
        >= layers - light
    )


@pytest.mark.parametrize(
    ("arch", "layers", "side", "features"),
    [
        ("VGG", 16, 32, 512),
        ("VGG", 8, 48, 512),
        ("VGG", 11, 48, 512),
        ("VGG", 5, 28, 512 * 9),
        ("VGG", 4, 8, 256 * 4),
        ("ResNet", 18, 32, 512),
        ("ResNet", 50, 32, 2048),
    ],
)
def test_what_the_read_out_sees(arch, layers, side, features):
    model = build_model(
        {"model": {"arch": arch, "layers": layers, "input_shape": [2, side, side], "norm": "none"}}
    )
    assert model.output.in_features == features
