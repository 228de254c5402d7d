"""Builds the network that a config describes."""

from __future__ import annotations

from typing import Any

import torch

from eisnn.config.sections.model import ModelConfig
from eisnn.config.trial import TrialConfig, make_config
from eisnn.networks.families import FAMILIES, Layers
from eisnn.networks.network import Network
from eisnn.networks.own import own_network
from eisnn.seeding import derive


def as_trial_config(config: Any) -> TrialConfig:
    """Returns a TrialConfig from one, from a model section (object or dict), or from a dict of
    sections.

    Other sections take their defaults.
    """
    if isinstance(config, TrialConfig):
        return config
    if isinstance(config, ModelConfig):
        return TrialConfig(model=config)
    is_model_section = not set(config) & set(TrialConfig.model_fields)
    return make_config({"model": dict(config)} if is_model_section else config)


def with_shapes(
    config: TrialConfig, input_shape: tuple[int, int, int], classes: int
) -> TrialConfig:
    """Returns the config with a dataset's image shape (C, H, W) and number of classes, unless its
    model section gives them."""
    model = config.model
    update = {"input_shape": model.input_shape or input_shape, "classes": model.classes or classes}
    return config.model_copy(update={"model": model.model_copy(update=update)})


def build_model(config: Any) -> Network:
    """Returns the network that a config describes, without weights.

    Call `eisnn.initialize`, or load a state dict, before you use it.

    Args:
        config: a `TrialConfig`, its ``model`` section, or either as a dict. ``input_shape``
            defaults to (3, 32, 32), ``classes`` to 10.

    Raises:
        ConfigError: the config is not valid.
        UserCodeError: a network or layer of the user's does not exist, or is not what it must be.
        ValueError: a layer (named) has too few cells for its E:I ratio, or a list of ratios is not
            as long as the list of circuits.
    """
    config = as_trial_config(config)
    # Only layers of the user's draw weights here; `eisnn.initialize` draws those of ours.
    with torch.random.fork_rng(devices=[]):
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
