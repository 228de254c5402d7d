"""The types of options: words for switches, numbers that a machine can hold, frozen sections."""

import copy
import itertools
from typing import get_args

import pytest
from pydantic import ValidationError

from eisnn.config.messages import model_in
from eisnn.config.trial import TrialConfig, make_config
from eisnn.config.yaml_file import parse_yaml, set_path
from eisnn.errors import ConfigError


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


def numbers(kind, model=TrialConfig, prefix=""):
    """The dotted path of every option that takes numbers of a kind."""
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is not None:
            yield from numbers(kind, inner, f"{prefix}{name}.")
        elif kind in {field.annotation, *get_args(field.annotation)}:
            yield f"{prefix}{name}"


READ_BY = {
    "train.beta1": {"train": {"optimizer": "adam"}},
    "train.beta2": {"train": {"optimizer": "adam"}},
    "train.eps": {"train": {"optimizer": "adam"}},
    "train.tet_lambda": {"train": {"loss": "tet"}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *itertools.product(numbers(int), [2**63, -(2**63), 10**400]),
        *itertools.product(numbers(float), [10**400, 1e300, -1e300, 5e-324]),
    ],
)
def test_numbers_that_no_machine_computes_with_are_refused_by_key(path, value):
    tree = copy.deepcopy(READ_BY.get(path, {}))
    set_path(tree, path, value)
    with pytest.raises(ConfigError, match=rf"f\.yaml: {path}: must be [^\n]*\Z"):
        make_config(tree, "f.yaml")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"train": {"batch_size": 2**63}},
            "train.batch_size: must be at most 4,294,967,295 in size, given 9223372036854775808",
        ),
        (
            {"data": {"split_seed": 2**32}},
            "data.split_seed: must be at most 4,294,967,295 in size, given 4294967296",
        ),
        ({"model": {"width": 1e300}}, "model.width: must be less than or equal to 1000000, given"),
        (
            {"neuron": {"threshold": 1e39}},
            "neuron.threshold: must be at most 3.4e+38 in size, as float32 is, given 1e+39",
        ),
        (
            {"train": {"learning_rate": 1e-300}},
            "train.learning_rate: must be at least 1.2e-38 in size, or float32 takes it for 0, "
            "given 1e-300",
        ),
        (
            {"circuit": {"ei_ratio": [4, 2**40]}},
            "circuit.ei_ratio: must be at most 4,294,967,295 in size, given 1099511627776",
        ),
        ({"data": {"train_size": 10**400}}, "data.train_size: must be at most 4,294,967,295 in "),
    ],
)
def test_the_bound_is_named(tree, message):
    with pytest.raises(ConfigError) as caught:
        make_config(tree, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml: {message}")
