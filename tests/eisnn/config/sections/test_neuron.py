"""Options of spiking cells that mean nothing together, or contradict each other."""

import pytest

from eisnn.config.trial import make_config
from tests.eisnn.config.trees import assert_plain_refusal, tree


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            tree(neuron__reset_value=0.2),
            "reset_value applies only with reset: hard, given reset: soft",
        ),
        (
            tree(neuron__reset="hard", neuron__threshold=0.5, neuron__reset_value=0.5),
            "reset_value must be below threshold (0.5), given 0.5",
        ),
    ],
)
def test_a_reset_value_that_nothing_reads_or_that_fires_at_once_is_refused(given, message):
    assert_plain_refusal(given, message)


def test_a_reset_value_below_the_threshold_is_taken():
    config = make_config(tree(neuron__reset="hard", neuron__reset_value=-0.5))
    assert config.neuron.reset_value == -0.5
