"""Tries users' own code once, so that what is wrong with it is said before a study starts."""

from __future__ import annotations

import contextlib

import torch

from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.user_code import blame, is_reference, references
from eisnn.data.loading import load, shape_of
from eisnn.networks import build_model, initialize, with_shapes


def check(config: TrialConfig) -> None:
    """Builds the network and shows it a few random images of the dataset's shape, so that what is wrong is said before a study starts.

    Raises:
        UserCodeError: what is wrong, and where.
    """
    if is_reference(config.data.name):
        load(config.data, T=config.model.T)
    frames, shape, classes = shape_of(config.data, T=config.model.T)
    model = build_model(with_shapes(config, shape, classes))
    if config.train.precision == "float64":
        model = model.double()
    x = torch.rand(2, *frames, *shape, dtype=next(model.parameters()).dtype)
    found = ", ".join(
        f"{key}: {reference}" for key, reference in references(resolved(config)).items()
    )
    with (
        blame(f"{found}: given x {list(x.shape)}, the network"),
        contextlib.suppress(RuntimeWarning),
    ):
        initialize(model, x)
