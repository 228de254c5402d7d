"""What a training run is: frozen, validated sections, strict YAML, ids, and users' code. Imports no
torch."""

from eisnn.config.trial import (
    NUMERICS_VERSION,
    TrialConfig,
    load_config,
    make_config,
    resolved,
    trial_id,
)
from eisnn.errors import ConfigError

__all__ = [
    "NUMERICS_VERSION",
    "ConfigError",
    "TrialConfig",
    "load_config",
    "make_config",
    "resolved",
    "trial_id",
]
