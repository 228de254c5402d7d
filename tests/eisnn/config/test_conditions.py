"""Words of changed test conditions."""

import pytest

from eisnn.config.conditions import EXAMPLES, Condition, condition_of


def test_a_word_says_what_is_changed_and_how_much():
    assert condition_of("noise_0.3") == Condition("noise", 0.3)
    assert condition_of("steps_8") == Condition("steps", 8)
    assert condition_of("brightness_2").label == "accuracy at 2 times the brightness"
    assert all(condition_of(word) is not None for word in EXAMPLES)


@pytest.mark.parametrize(
    "word",
    ["steps_0", "steps_1.5", "noise_-1", "noise", "noise_0.3 ", "top5_accuracy", "a:noise_1"],
)
def test_other_words_are_no_conditions(word):
    assert condition_of(word) is None
