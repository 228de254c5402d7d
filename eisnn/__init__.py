"""E-I spiking networks: deep spiking nets that train without normalisation (Liu, Ding, Yu, ICLR
2026).

The names below are imported when first used, so that ``import eisnn.config`` does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "Block": "networks",
    "CircuitLayer": "layers.circuit",
    "EIProp": "layers.circuit",
    "Source": "data.source",
    "TrialConfig": "config",
    "build_model": "networks",
    "build_optimizer": "training.optimizers",
    "fit": "training.fit",
    "initialize": "networks",
    "integrate": "layers.circuit",
    "lif": "layers.neurons",
    "load_authors_state_dict": "checkpoints.authors",
    "load_config": "config",
    "make_config": "config",
    "training_step": "training.steps",
}
__all__ = [
    "Block",
    "CircuitLayer",
    "EIProp",
    "Source",
    "TrialConfig",
    "build_model",
    "build_optimizer",
    "fit",
    "initialize",
    "integrate",
    "lif",
    "load_authors_state_dict",
    "load_config",
    "make_config",
    "training_step",
]

if TYPE_CHECKING:
    from eisnn.checkpoints.authors import load_authors_state_dict
    from eisnn.config import TrialConfig, load_config, make_config
    from eisnn.data.source import Source
    from eisnn.layers.circuit import CircuitLayer, EIProp, integrate
    from eisnn.layers.neurons import lif
    from eisnn.networks import Block, build_model, initialize
    from eisnn.training.fit import fit
    from eisnn.training.optimizers import build_optimizer
    from eisnn.training.steps import training_step


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eisnn' has no attribute {name!r}")
    return getattr(importlib.import_module(f"eisnn.{_HOME[name]}"), name)
