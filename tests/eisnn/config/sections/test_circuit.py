"""Options of E-I circuits that mean nothing together."""

import pytest

from tests.eisnn.config.trees import assert_plain_refusal, tree


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            tree(circuit__init__gamma_shape=2),
            "gamma_shape applies only with distribution: gamma, given distribution: exponential",
        ),
        (
            tree(circuit__prop__epsilon=1e-6),
            "epsilon applies only with stabiliser: epsilon or clamp, given stabiliser:"
            " min_positive",
        ),
        (
            tree(circuit__tau_I=2),
            "c.yaml: circuit: tau_I applies only with inhibitory_cells: spiking, given linear",
        ),
        (
            tree(circuit__divisive=False, circuit__prop__detach=True),
            "prop.detach applies only with divisive inhibition",
        ),
    ],
)
def test_options_that_mean_nothing_together_are_refused(given, message):
    assert_plain_refusal(given, message)
