"""Strict YAML: what the user meant, or one line that says where and what."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisnn.config.yaml_file import parse_yaml
from eisnn.errors import ConfigError


def value(text):
    return parse_yaml(f"key: {text}\n", "f.yaml")["key"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 0.0001),
        ("1E5", 100_000.0),
        ("-2.5e+3", -2500.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("5e-4", 5e-4),
        ("3", 3),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("'1e-4'", "1e-4"),
        ('"true"', "true"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("2026-03-01", "2026-03-01"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("[1, 2e-1, off]", [1, 0.2, "off"]),
        ("{a: 1, b: {c: no}}", {"a": 1, "b": {"c": "no"}}),
    ],
)
def test_values(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_not_a_number():
    assert math.isnan(value(".nan"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yaml, line 3: the key 'a' is given twice in one mapping; keep one of them",
        ),
        ("x:\n  a: 1\n  'a': 2\n", "f.yaml, line 3: the key 'a' is given twice"),
        (
            "a: &x 1\nb: *x\n",
            "f.yaml, line 1: anchors and aliases are not supported; write the value out",
        ),
        ("a: &x 1\n", "f.yaml, line 1: anchors and aliases are not supported"),
        ("a: *nobody\n", "f.yaml, line 1: anchors and aliases are not supported"),
        (
            "base: {a: 1}\nb:\n  <<: {a: 2}\n",
            "f.yaml, line 3: merge keys (<<) are not supported; write the keys out",
        ),
        (
            "a: !!int 3\n",
            (
                "f.yaml, line 1: tags such as tag:yaml.org,2002:int are not supported; write the"
                " plain value"
            ),
        ),
        ("a: !!int ''\n", "f.yaml, line 1: tags such as"),
        ("a: !!bool x\n", "f.yaml, line 1: tags such as"),
        ("a: !!set {b}\n", "f.yaml, line 1: tags such as"),
        ("a: !!python/object/apply:os.system [echo]\n", "f.yaml, line 1: tags such as"),
        ("a: !mine 3\n", "f.yaml, line 1: tags such as !mine are not supported"),
        ("[1, 2]: 3\n", "f.yaml, line 1: a key must be a plain word"),
        ("{a: 1}: 3\n", "f.yaml, line 1: a key must be a plain word"),
        ("a: [1, 2\n", "f.yaml, line 2: "),
        ("a:\n\tb: 1\n", "f.yaml, line 2: "),
        ("a: 1\n b: 2\n", "f.yaml, line 2: "),
        ("a: 1\n---\nb: 2\n", "f.yaml, line 2: "),
        ("", "f.yaml: must be a mapping of keys to values, given nothing"),
        ("# only a comment\n", "f.yaml: must be a mapping of keys to values, given nothing"),
        ("- 1\n- 2\n", "f.yaml: must be a mapping of keys to values, given list"),
        ("just words\n", "f.yaml: must be a mapping of keys to values, given str"),
        ("3\n", "f.yaml: must be a mapping of keys to values, given int"),
        ("a: \x00\n", "f.yaml: cannot be read as YAML: "),
        ("a: " + "9" * 5000, "f.yaml: cannot be read as YAML: Exceeds the limit"),
        ("a: " + "[" * 500, "f.yaml: cannot be read as YAML: "),
        ("a: " + "[" * 500 + "]" * 500, "f.yaml: cannot be read as YAML: "),
        ("a: " + "{b: " * 500 + "1" + "}" * 500, "f.yaml: cannot be read as YAML: "),
    ],
    ids=range(28),
)
def test_each_refusal_names_place_and_reason(text, message):
    with pytest.raises(ConfigError) as refused:
        parse_yaml(text, "f.yaml")
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_alias_bomb_is_refused_at_its_first_line():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)
    ]  # 10^12 entries
    with pytest.raises(ConfigError, match="line 1: anchors and aliases"):
        parse_yaml("\n".join(lines), "f.yaml")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`?,.~ \n\t0123e<\\"), max_size=40))
def test_any_text_is_a_mapping_or_a_config_error(text):
    try:
        found, message = parse_yaml(text, "f.yaml"), "f.yaml"
    except ConfigError as refused:
        found, message = {}, str(refused)
    assert isinstance(found, dict)
    assert message.startswith("f.yaml")
