"""Every config that ships: loads, builds, is complete, and is what its name says."""

import re
from pathlib import Path

import pytest
import torch

from eisnn.config import datasets
from eisnn.config.trial import load_config, resolved
from eisnn.config.yaml_file import read_yaml
from eisnn.networks import build_model

FOLDER = Path(__file__).parent.parent / "configs"
FILES = sorted(FOLDER.glob("*/*.yaml"))
DATASETS = {
    "Digits": "digits",
    "FashionMNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "CIFAR100": "cifar100",
    "TinyImageNet": "tiny_imagenet",
    "CIFAR10DVS": "cifar10_dvs",
    "DVS128Gesture": "dvs_gesture",
}
AUTHORS = {  # T, learning rate, warm-up epochs of the paper's configurations
    "CIFAR10-ResNet18": (4, 1e-3, 30),
    "CIFAR10-VGG8": (4, 2e-3, 10),
    "CIFAR10-VGG11": (4, 2e-3, 10),
    "CIFAR10-VGG16": (4, 1e-3, 30),
    "CIFAR10-VGG19": (4, 1e-3, 30),
    "CIFAR100-VGG16": (4, 1e-3, 30),
    "CIFAR100-VGG19": (4, 1e-3, 30),
    "CIFAR10DVS-VGG8": (10, 1e-3, 10),
    "CIFAR10DVS-VGG11": (10, 1e-3, 10),
    "DVS128Gesture-VGG8": (16, 1e-3, 10),
    "TinyImageNet-ResNet18": (4, 3e-3, 10),
}
OWN = {f"{data}-{net}" for data, net in [("Digits", "VGG4"), ("FashionMNIST", "VGG8")]}
OWN |= {f"{data}-MLP{layers}" for data in ("Digits", "FashionMNIST") for layers in (4, 12)} | {
    "Digits-MLP8",
    "FashionMNIST-MLP8",
}


def build(config):
    """The network of the config and its data, without memory for its weights."""
    published = datasets.DATASETS[config.data.name]
    shape, classes = published.shape, published.classes
    model = config.model.model_copy(update={"input_shape": shape, "classes": classes})
    with torch.device("meta"):
        return build_model(config.model_copy(update={"model": model}))


def numbers(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_there_is_one_for_every_row_and_kind():
    names = set(AUTHORS) | OWN
    assert {path.stem for path in FOLDER.glob("EI-SNN/*.yaml")} == names
    assert {path.stem for path in FOLDER.glob("BN-SNN/*.yaml")} == names
    assert {path.parent.name for path in FILES} == {"EI-SNN", "BN-SNN"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_is_what_its_name_says(path):
    config = load_config(path)
    data, arch, layers = re.fullmatch(r"(\w+)-([A-Za-z]+)(\d+)", path.stem).groups()
    assert (config.data.name, config.model.arch, config.model.layers) == (
        DATASETS[data],
        arch,
        int(layers),
    )
    assert config.model.norm == {"EI-SNN": "ei", "BN-SNN": "bn"}[path.parent.name]
    assert numbers(build(config)) > 10_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_is_complete_and_commented(path):
    """One file tells the whole run, and its head where the numbers come from."""
    text, tree = path.read_text(), read_yaml(path)
    assert {"model", "data", "train"} | (
        {"circuit"} if path.parent.name == "EI-SNN" else set()
    ) <= set(tree)
    assert {"epochs", "batch_size", "learning_rate", "momentum", "weight_decay"} <= set(
        tree["train"]
    )
    assert {"warmup_epochs", "warmup_fraction"} & set(tree["train"])
    assert "root" not in tree["data"]
    head = [line for line in text.split("\nmodel:")[0].splitlines() if line.startswith("# ")]
    assert len(head) >= 2
    assert re.search(r"accuracy|recipe", " ".join(head))


@pytest.mark.parametrize("name", sorted(set(AUTHORS) | OWN))
def test_counterparts_differ_in_the_recipe_alone(name):
    ei, bn = (
        resolved(load_config(FOLDER / kind / f"{name}.yaml")) for kind in ("EI-SNN", "BN-SNN")
    )
    for tree in (ei, bn):
        tree.pop("circuit")
        tree["model"].pop("norm")
        for key in ("learning_rate", "weight_decay", "warmup_epochs", "warmup_start"):
            tree["train"].pop(key)
    assert ei == bn


@pytest.mark.parametrize("name", AUTHORS)
def test_recipe_is_the_authors(name):
    config = load_config(FOLDER / "EI-SNN" / f"{name}.yaml")
    train, events = config.train, config.data.name in ("cifar10_dvs", "dvs_gesture")
    assert (config.model.T, train.learning_rate, train.warmup_epochs) == AUTHORS[name]
    assert (train.epochs, train.batch_size, train.momentum, train.weight_decay) == (
        300,
        32 if events else 128,
        0.9,
        5e-4,
    )
    assert (train.schedule, config.seed, config.circuit.ei_ratio) == ("cosine", 2025, 4)
    assert train.warmup_start == (1e-3 if config.data.name == "tiny_imagenet" else 1e-7)


@pytest.mark.parametrize("name", ["CIFAR10-ResNet18", "CIFAR10-VGG16", "CIFAR10-VGG19"])
def test_bn_recipe_is_the_authors(name):
    train = load_config(FOLDER / "BN-SNN" / f"{name}.yaml").train
    assert (train.learning_rate, train.weight_decay, train.warmup_epochs) == (0.1, 1e-4, 0)


@pytest.mark.parametrize(
    ("name", "count"),
    [  # as everybody's CIFAR-10 networks of these names, whose convolutions have biases (VGG) that BN makes idle  # noqa: E501
        ("CIFAR10-ResNet18", 11_173_962),
        ("CIFAR10-VGG16", 14_728_266 - 4_224),
        ("CIFAR10-VGG19", 20_040_522 - 5_504),
    ],
)
def test_sizes_of_well_known_networks(name, count):
    assert numbers(build(load_config(FOLDER / "BN-SNN" / f"{name}.yaml"))) == count


def test_size_of_a_circuit_network_by_hand():
    circuits = [
        (3 * 9, 64),
        (64 * 9, 128),
        (128 * 9, 256),
        (256 * 9, 512),
        (512 * 9, 512),
    ]  # fan-in d, n_E; n_I = n_E / 4
    hidden = sum((n + n // 4) * d + n * (n // 4) + 2 * n + n // 4 for d, n in circuits)
    assert (
        numbers(build(load_config(FOLDER / "EI-SNN" / "CIFAR10-VGG8.yaml")))
        == hidden + (10 + 2) * 512 + 10 * 2
    )
