"""From a config to the network that it describes."""

from __future__ import annotations

from typing import Any

import torch

from eisnn.config.trial import ModelConfig, TrialConfig, make_config
from eisnn.networks.families import FAMILIES, Layers
from eisnn.networks.network import Network
from eisnn.networks.own import own_network
from eisnn.seeding import derive


def as_trial_config(config: Any) -> TrialConfig:
    """A TrialConfig from one, from a model section (object or dict), or from a dict of sections.

    Other sections take defaults.
    """
    if isinstance(config, TrialConfig):
        return config
    if isinstance(config, ModelConfig):
        return TrialConfig(model=config)
    sections = set(TrialConfig.model_fields)
    return make_config(config if set(config) & sections else {"model": dict(config)})


def with_shapes(
    config: TrialConfig, input_shape: tuple[int, int, int], classes: int
) -> TrialConfig:
    """The config with a dataset's image shape (C, H, W) and number of classes.

    They are filled in where its model section leaves them open.
    """
    model = config.model
    update = {"input_shape": model.input_shape or input_shape, "classes": model.classes or classes}
    return config.model_copy(update={"model": model.model_copy(update=update)})


def build_model(config: Any) -> Network:
    """The network that a config describes, without weights.

    Call `eisnn.initialize`, or load a state dict, before you use it.

    Args:
        config: a `TrialConfig`, its ``model`` section, or either as a dict. ``input_shape``
            defaults to (3, 32, 32), ``classes`` to 10.

    Raises:
        ConfigError: the config is not valid.
        UserCodeError: a network or layer of the user's is not there, or not what it must be.
        ValueError: an E:I ratio that a layer cannot hold (named); a list of ratios of another
            length than the circuits.
    """
    config = as_trial_config(config)
    with torch.random.fork_rng(
        devices=[]
    ):  # layers of the user's draw from it; ours are drawn by `eisnn.initialize`
        torch.manual_seed(derive(config.seed, "build"))
        return _build(config)


def _build(config: TrialConfig) -> Network:
    model = config.model
    if model.factory is not None:
        return own_network(config)
    make = Layers(config)
    body, features = FAMILIES[model.arch](make, model.input_shape or (3, 32, 32))
    output = make.output(features, model.classes or 10)
    make.check_all_ratios_used()
    return Network(config, body, output)
