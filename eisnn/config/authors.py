"""Converts configs of the paper's authors into ours, with their words and their defaults.

Theirs are flat: dataset, type (EI-SNN or BN-SNN), arch, num_layers, T, ei_ratio, neuron, epochs,
warmup_epochs, batch_size, learning_rate, optimizer, momentum, weight_decay, scheduler, loss, seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eisnn.errors import ConfigError

DATASETS = {
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "CIFAR100": "cifar100",
    "TinyImageNet": "tiny_imagenet",
    "TinyImageNet200": "tiny_imagenet",
    "CIFAR10DVS": "cifar10_dvs",
    "DVS128Gesture": "dvs_gesture",
}
NORMS = {"EI-SNN": "ei", "BN-SNN": "bn"}
SCHEDULES = {"CosALR": "cosine", "CosineAnnealingLR": "cosine", None: "constant"}
SURROGATES = {"sigmoid": "sigmoid", "atan": "atan", "triangle": "triangle"}
MARKS = {"dataset", "arch", "num_layers", "type"}  # a config of theirs has them all

# Options of our own say where data and results lie, and how a run is logged.
IGNORED = {"data_path", "num_workers", "output_dir", "log", "device", "resume", "name", "val_ratio"}


def is_the_authors(tree: Mapping[str, Any]) -> bool:
    """Whether a tree of plain values is a config of theirs."""
    return set(tree) >= MARKS


def converted(tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the same run as a config of ours.

    Where the two programs differ (docs/differences.md), the run is computed as ours are, except
    that the first step of momentum and the start of BN networks follow the authors.

    Raises:
        ConfigError: a key or a value of theirs is unknown here.
    """
    rest = {key: value for key, value in tree.items() if key not in IGNORED}

    def take(key: str, words: Mapping[Any, Any] | None = None, default: Any = None) -> Any:
        value = rest.pop(key, default)
        if words is None:
            return value
        if value not in words:
            known = ", ".join(str(word) for word in words if word is not None)
            raise ConfigError(f"{where}: {key}: must be one of {known}, given {value!r}")
        return words[value]

    norm = take("type", NORMS)
    model = {
        "arch": take("arch"),
        "layers": take("num_layers"),
        "norm": norm,
        "T": take("T", default=4),
        "head": "light" if take("light_classifier", default=True) else "heavy",
    }
    if norm != "ei":
        model["init"] = "authors"
    if dropout := take("dropout"):
        model["dropout"] = dropout
    if take("zero_init_residual"):
        model["zero_init_residual"] = True
    ratio = take("ei_ratio", default=4)
    take("optimizer", {"SGD": None}, "SGD")
    take("loss", {"CE": None}, "CE")
    train = {
        "epochs": take("epochs"),
        "batch_size": take("batch_size", default=128),
        "learning_rate": take("learning_rate"),
        "momentum": take("momentum", default=0.9),
        "weight_decay": take("weight_decay", default=5e-4),
        "warmup_epochs": take("warmup_epochs", default=0),
        "schedule": take("scheduler", SCHEDULES),
        "first_step": "authors",
    }
    if (start := take("warmup_start_lr")) is not None:
        train["warmup_start"] = start
    neuron = _neuron(dict(take("neuron", default={})), where)
    data = {"name": take("dataset", DATASETS)}
    ours: dict[str, Any] = {"model": model, "neuron": neuron, "data": data, "train": train}
    if norm == "ei":
        ours["circuit"] = {"ei_ratio": ratio}
    if (seed := take("seed")) is not None:
        ours["seed"] = seed
    if rest:
        raise ConfigError(
            f"{where}: is a config of the paper's authors with keys that are unknown here: "
            f"{', '.join(sorted(rest))}; write it as one of ours (docs/config.md)"
        )
    return ours


def _neuron(theirs: dict[str, Any], where: str) -> dict[str, Any]:
    ours: dict[str, Any] = {"tau": theirs.pop("tau", 2.0)}
    if "threshold" in theirs or "v_threshold" in theirs:
        ours["threshold"] = theirs.pop("threshold", None) or theirs.pop("v_threshold")
    if "surrogate" in theirs:
        word = str(theirs.pop("surrogate")).lower()
        if word not in SURROGATES:
            raise ConfigError(
                f"{where}: neuron.surrogate: must be one of {', '.join(SURROGATES)}, given {word!r}"
            )
        ours["surrogate"] = SURROGATES[word]
    if theirs.pop("decay_input", False):
        ours["input_decay"] = True
    if theirs:
        raise ConfigError(
            f"{where}: neuron: keys that are unknown here: {', '.join(sorted(theirs))}"
        )
    return ours
