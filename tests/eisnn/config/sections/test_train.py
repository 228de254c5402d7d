"""Options that only some optimisers and losses read, and warm-ups that contradict themselves."""

import pytest

from eisnn.config.trial import make_config, resolved, trial_id
from eisnn.errors import ConfigError
from tests.eisnn.config.trees import DEFAULT_ID, assert_plain_refusal, tree


def test_options_of_another_optimiser_or_loss_are_left_out():
    """An arm that overrides train.optimizer keeps its base's momentum, which nothing reads."""
    adam = make_config(tree(train__optimizer="adam", train__momentum=0.5, train__nesterov=True))
    assert trial_id(adam) == trial_id(make_config(tree(train__optimizer="adam")))
    assert trial_id(make_config(tree(train__beta1=0.5))) == DEFAULT_ID
    assert trial_id(make_config(tree(train__tet_lambda=0.5))) == DEFAULT_ID
    assert make_config(resolved(adam)) == adam


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            tree(train__warmup_epochs=1, train__warmup_fraction=0.1),
            "c.yaml: train: give warmup_epochs or warmup_fraction, not both",
        ),
        (
            tree(train__warmup_epochs=9, train__epochs=3),
            "c.yaml: train: warmup_epochs must be at most epochs (3), given 9",
        ),
        (
            tree(train__nesterov=True, train__momentum=0),
            "c.yaml: train: nesterov applies only with momentum above 0",
        ),
    ],
)
def test_options_that_mean_nothing_together_are_refused(given, message):
    assert_plain_refusal(given, message)


def test_a_warm_up_begins_no_higher_than_it_ends():
    message = r"warmup_start must be at most learning_rate \(0.01\), given 0.1"
    with pytest.raises(ConfigError, match=message):
        make_config(
            tree(train__warmup_epochs=1, train__warmup_start=0.1, train__learning_rate=0.01)
        )
