"""Config trees from dotted paths, and what is said of wrong ones."""

import pytest

from eisnn.config.trial import make_config
from eisnn.config.yaml_file import set_path
from eisnn.errors import ConfigError

# If this changes, so does every stored trial's name: intended only together with NUMERICS_VERSION
# or a new field.
DEFAULT_ID = "b0793b14a550"


def tree(**paths):
    """A tree from keyword paths: circuit__init__gain=2."""
    made: dict = {}
    for path, value in paths.items():
        set_path(made, path.replace("__", "."), value)
    return made


def refusal(given, where="c.yaml"):
    with pytest.raises(ConfigError) as refused:
        make_config(given, where)
    return str(refused.value)


JARGON = ("Input", "constrained", "function-before", "Config(", "dict", "tuple", "pydantic")


def assert_plain_refusal(given, message):
    """That ``given`` is refused in one line, without a word that only programmers know."""
    found = refusal(given)
    assert message in found, found
    assert found.startswith("c.yaml: "), found
    assert "\n" not in found, found
    for jargon in JARGON:
        assert jargon not in found, found
