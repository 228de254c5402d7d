"""One word, or a list of them."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from study.spec.forms import one_or_list, to_tuple


def test_a_word_is_a_tuple_of_one_and_what_is_no_list_stays() -> None:
    assert to_tuple("tensorboard") == ("tensorboard",)
    assert to_tuple(["a", "b"]) == ("a", "b")
    assert to_tuple(3) == 3  # pydantic then says what it must be


@pytest.mark.parametrize(
    ("given", "is_valid"), [("a", True), (["b", "a"], True), ("c", False), (["c"], False)]
)
def test_the_schema_takes_both_forms(given: object, is_valid: bool) -> None:
    assert Draft202012Validator(one_or_list(("a", "b"))).is_valid(given) is is_valid
