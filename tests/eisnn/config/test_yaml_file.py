"""Strict YAML: what the user meant, or one line that says where and what."""

import pytest

from eisnn.config.yaml_file import MAX_BYTES, read_yaml, scalar, set_path
from eisnn.errors import ConfigError


def test_file(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("größe: 1e-4  # ü\n", encoding="utf-8")
    assert read_yaml(path) == read_yaml(str(path)) == {"größe": 1e-4}
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")  # as Windows editors write
    assert read_yaml(path) == {"a": 1, "b": 2}


def test_file_that_cannot_be_read(tmp_path):
    path = tmp_path / "a.yaml"
    with pytest.raises(
        ConfigError, match=r"a\.yaml: no such file or directory; give the path of a YAML file$"
    ):
        read_yaml(path)
    with pytest.raises(ConfigError, match=r"is a directory; give the path of a YAML file$"):
        read_yaml(tmp_path)
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: must be UTF-8 text, but byte 9 is not$"):
        read_yaml(path)
    path.write_bytes(b"a: 1\n" + b"#" * MAX_BYTES)
    with pytest.raises(ConfigError, match="is over 1,000,000 bytes"):
        read_yaml(path)


def test_scalar():
    assert scalar("1e-4", "--set") == 1e-4
    assert scalar("off", "--set") == "off"
    assert scalar("[1, 2]", "--set") == [1, 2]
    assert scalar("", "--set") is None
    with pytest.raises(ConfigError, match="--set"):
        scalar("[1", "--set")


def test_set_path():
    tree = {"a": {"b": 1}, "n": None, "s": 3}
    set_path(tree, "a.c", 2)
    set_path(tree, "n.x.y", 3)
    set_path(tree, "s.t", 4)
    set_path(tree, "z", 5)
    assert tree == {"a": {"b": 1, "c": 2}, "n": {"x": {"y": 3}}, "s": {"t": 4}, "z": 5}
