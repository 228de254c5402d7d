"""Tries users' own code once, so that its mistakes are reported before a study starts."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.user_code import blame, is_reference, references
from eisnn.data.loading import load, shape_of
from eisnn.networks import Network, build_model, initialize, with_shapes
from eisnn.training.losses import build_loss
from eisnn.training.optimizers import build_optimizer
from eisnn.training.steps import training_step


def check(config: TrialConfig) -> None:
    """Builds the network and shows it two random images of the dataset's shape.

    If the optimiser or the loss is the user's, also takes a training step on them.

    Raises:
        UserCodeError: something is wrong; the message says what, and where.
    """
    labels = torch.zeros(2, dtype=torch.int64)
    if is_reference(config.data.name):
        labels = load(config.data, T=config.model.T).train.labels[:2]
    frames, shape, classes = shape_of(config.data, T=config.model.T)
    model = build_model(with_shapes(config, shape, classes))
    if config.train.precision == "float64":
        model = model.double()
    x = torch.rand(2, *frames, *shape, dtype=next(model.parameters()).dtype)
    named = references(resolved(config))
    found = ", ".join(f"{key}: {reference}" for key, reference in named.items())
    with (
        blame(f"{found}: given x {list(x.shape)}, the network"),
        contextlib.suppress(RuntimeWarning),
    ):
        initialize(model, x)
    if "train.optimizer" in named or "train.loss" in named:
        _try_a_step(config, model, x, labels, found)


def _try_a_step(config: TrialConfig, model: Network, x: Tensor, y: Tensor, found: str) -> None:
    optimizer, loss = build_optimizer(model, config.train), build_loss(config)
    with blame(f"{found}: a training step"):
        training_step(model, optimizer, x, y, loss)
