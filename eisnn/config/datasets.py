"""The datasets that are known by name. To add one, add an entry here and a reader in
eisnn/data/readers.

This module does not import torch or numpy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What is known about a dataset before its files are read.

    ``reader`` is the function that reads it, as module:function in `eisnn.data.readers`; it is
    called with the data root and T. ``transform`` is its training transform, a function of
    `eisnn.data.transforms`. Samples of event data have T frames, each of ``shape``. ``cite`` is
    the key of its publication in references.bib.
    """

    shape: tuple[int, int, int]  # channels, height, width
    classes: int
    train_images: int  # as published, less our test images if the makers held none out
    test_images: int
    reader: str
    transform: str | None = None
    events: bool = False
    cite: str = ""


DATASETS = {
    "digits": Published((1, 8, 8), 10, 1_438, 359, "digits:digits", cite="digits"),
    "mnist": Published((1, 28, 28), 10, 60_000, 10_000, "idx:mnist", cite="mnist"),
    "fashion_mnist": Published((1, 28, 28), 10, 60_000, 10_000, "idx:fashion_mnist",
                               cite="fashionmnist"),
    "cifar10": Published((3, 32, 32), 10, 50_000, 10_000, "cifar:cifar10", "cifar", cite="cifar"),
    "cifar100": Published((3, 32, 32), 100, 50_000, 10_000, "cifar:cifar100", "cifar",
                          cite="cifar"),
    "tiny_imagenet": Published((3, 32, 32), 200, 100_000, 10_000, "tiny_imagenet:tiny_imagenet",
                               "tiny_imagenet", cite="tinyimagenet"),
    "cifar10_dvs": Published((2, 48, 48), 10, 9_000, 1_000, "cifar10_dvs:cifar10_dvs",
                             "cifar10_dvs", events=True, cite="cifar10dvs"),
    "dvs_gesture": Published((2, 48, 48), 11, 1_077, 264, "dvs_gesture:dvs_gesture",
                             "dvs_gesture", events=True, cite="dvsgesture"),
}  # fmt: skip
