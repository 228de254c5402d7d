"""Diagnostics of the user's own, as `eisnn.training.fit` asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from eisnn.config.user_code import blame, find

Measure = Callable[[nn.Module, Tensor, Tensor], Mapping[str, Mapping[str, float]]]


def own_quantities(
    reference: str, model: nn.Module, x: Tensor, y: Tensor
) -> dict[tuple[str, str], float]:
    """Returns what a function named by ``diagnostics`` measures: (layer, own/<quantity>) -> number.

    Training is not affected.
    """
    measure: Measure = find(reference, "diagnostics")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]), blame(f"diagnostics: {reference}:"):
            found = measure(model, x, y)
            return {
                (str(layer), f"own/{name}"): float(value)
                for layer, row in found.items()
                for name, value in row.items()
            }
    finally:
        for module, mode in modes.items():
            module.training = mode
