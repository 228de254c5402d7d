"""Networks of layers, their families, and how their weights start."""

from eisnn.networks.build import as_trial_config, build_model, with_shapes
from eisnn.networks.initialization import initialize
from eisnn.networks.network import Block, Network

__all__ = ["Block", "Network", "as_trial_config", "build_model", "initialize", "with_shapes"]
