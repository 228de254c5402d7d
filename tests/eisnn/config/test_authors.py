"""Configs as the paper's authors write them."""

import pytest

from eisnn.config.authors import converted, is_the_authors
from eisnn.config.trial import load_config, make_config
from eisnn.errors import ConfigError

THEIRS = """
dataset: CIFAR10
data_path: /path/to/datasets
type: EI-SNN
arch: VGG
num_layers: 8
T: 4
ei_ratio: 4
neuron: {tau: 2.0}
epochs: 300
warmup_epochs: 10
batch_size: 128
learning_rate: 2e-3
optimizer: SGD
momentum: 0.9
weight_decay: 5e-4
scheduler: CosALR
loss: CE
seed: 2025
num_workers: 8
output_dir: /path/to/output
"""


def test_a_config_of_theirs_is_the_same_run_as_ours(tmp_path):
    (tmp_path / "theirs.yaml").write_text(THEIRS)
    theirs = load_config(tmp_path / "theirs.yaml")
    ours = load_config("configs/EI-SNN/CIFAR10-VGG8.yaml")
    assert theirs.model == ours.model
    assert theirs.circuit == ours.circuit
    assert theirs.neuron.tau == ours.neuron.tau
    assert theirs.seed == ours.seed
    for key in ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay"):
        assert getattr(theirs.train, key) == getattr(ours.train, key)
    assert theirs.train.first_step == "authors"


def test_their_bn_networks_start_as_theirs(tmp_path):
    (tmp_path / "bn.yaml").write_text(THEIRS.replace("EI-SNN", "BN-SNN"))
    config = load_config(tmp_path / "bn.yaml")
    assert (config.model.norm, config.model.init, config.circuit) == ("bn", "authors", None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mystery": 1}, "keys that are unknown here: mystery"),
        ({"dataset": "ImageNet"}, "dataset: must be one of MNIST, .*given 'ImageNet'"),
        ({"optimizer": "Adam"}, "optimizer: must be one of SGD, given 'Adam'"),
        ({"neuron": {"tau": 2, "odd": 1}}, "neuron: keys that are unknown here: odd"),
    ],
)
def test_what_is_not_known_is_refused_by_name(change, message):
    tree = {"dataset": "MNIST", "type": "EI-SNN", "arch": "MLP", "num_layers": 2, "epochs": 1}
    tree |= {"learning_rate": 0.1, "scheduler": "CosALR"}
    assert is_the_authors(tree)
    make_config(converted(tree, "theirs"))
    with pytest.raises(ConfigError, match=message):
        converted({**tree, **change}, "theirs")
