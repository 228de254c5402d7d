"""Options of the data that mean nothing together."""

import pytest

from eisnn.config.trial import make_config
from eisnn.errors import ConfigError


def test_the_authors_split_is_of_their_event_data_alone():
    message = "split: authors applies only with name: cifar10_dvs"
    with pytest.raises(ConfigError, match=message):
        make_config({"data": {"name": "digits", "split": "authors"}})
