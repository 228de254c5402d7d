"""A dataset by its name, and random images of its shape."""

import torch

from eisnn.config.datasets import DATASETS
from eisnn.config.sections.data import DataConfig
from eisnn.data import loading


def load(name, root, T=4, **options):
    return loading.load(DataConfig(name=name, root=str(root), **options), T=T)


def digits(**options):
    return loading.load(DataConfig(name="digits", **options), T=4)


def images(name, batch=16):
    torch.manual_seed(0)
    return torch.rand(batch, *DATASETS[name].shape)
