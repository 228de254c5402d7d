"""The types of options: words for switches, and sections that cannot be changed."""

import pytest
from pydantic import ValidationError

from eisnn.config.trial import TrialConfig, make_config
from eisnn.config.yaml_file import parse_yaml


@pytest.mark.parametrize("word", ["on", "yes", "On", "true", True])
def test_switches_understand_words(word):
    text = f"circuit: {{subtractive: {str(word).lower() if isinstance(word, bool) else word}}}"
    assert make_config(parse_yaml(text, "t")).circuit.subtractive is True
    assert (
        make_config(
            parse_yaml("circuit: {subtractive: no, divisive: off}", "t")
        ).circuit.subtractive
        is False
    )


def test_config_is_frozen():
    with pytest.raises(ValidationError):
        TrialConfig().model.T = 3
