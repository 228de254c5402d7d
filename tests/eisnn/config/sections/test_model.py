"""Options of the network that nothing would read are refused."""

import pytest

from eisnn.config.trial import make_config
from eisnn.errors import ConfigError


def test_options_that_nothing_reads_are_refused():
    for model, message in [
        ({"norm": "ei", "init": "ding"}, "init applies only without E-I circuits"),
        ({"norm": "none", "init_rate": 0.2}, "init_rate applies only with init: spikeinit"),
        ({"zero_init_residual": True}, "zero_init_residual applies only with arch: ResNet"),
    ]:
        with pytest.raises(ConfigError, match=message):
            make_config({"model": model})
