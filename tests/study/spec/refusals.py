"""The one line with which a study file is refused."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec, set_key


def refused(tree: dict[str, Any], key: str, value: Any) -> str:
    """What is said of the study ``tree`` with ``value`` at ``key``."""
    set_key(tree, key, value)
    with pytest.raises(ConfigError) as caught:
        make_spec(tree, "s.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)
