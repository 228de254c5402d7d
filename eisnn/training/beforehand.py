"""What `eisnn.fit` refuses before its first step, as far as no weights are needed to know it.

`fit` meets each of these by itself; a study asks here first, before it starts a hundred trials.
"""

from __future__ import annotations

from collections.abc import Mapping

from eisnn.config.trial import TrialConfig
from eisnn.data.loading import Dataset
from eisnn.errors import ConfigError
from eisnn.networks.starts import check_rate
from eisnn.training.conditions import check_conditions, conditions_among
from eisnn.training.own_metrics import check_metrics
from eisnn.training.run import with_data


def check(config: TrialConfig, data: Dataset, metrics: Mapping[str, str]) -> None:
    """Raises what `eisnn.fit` would.

    Raises:
        ConfigError: the network does not suit the data, or a metric does not suit one of them.
    """
    check_metrics(metrics, data.test.labels)
    check_conditions(conditions_among(metrics), config, data.test)
    check_rate(config)
    with_data(config, data)
    if config.circuit is not None:
        _check_signs(config, data)


def _check_signs(config: TrialConfig, data: Dataset) -> None:
    images = data.train.stored
    if not images.is_floating_point() or (images.min() >= 0 and images.isfinite().all()):
        return
    raise ConfigError(
        f"data.name: an E-I circuit needs inputs >= 0, and images of {config.data.name} have "
        f"values from {images.min().item() * data.train.scale:.3g} on; do not subtract a mean "
        "from the data"
    )
