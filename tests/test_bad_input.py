"""Whatever a user gives: exit code 2 with a message, or a dry run; never a traceback, and nothing
started or left behind.

The slow run draws `FUZZ_EXAMPLES` inputs of each kind instead of a few, and counts them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import BASE, STUDY, command, write

PARAMETER = "train.learning_rate"


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path, STUDY)


# ---- any input of a kind

words = st.sampled_from(
    [
        "name",
        "base",
        "search",
        "trials",
        "parameters",
        PARAMETER,
        "low",
        "type",
        "float",
        "..",
        "/x",
        "",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=5), inner, max_size=4)
    ),
)
numbers = st.floats() | st.integers() | st.sampled_from([0.1, 1e-3, 1, 2, 10**400, "1e-3", None])
ranges = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["float", "int", "categorical", "log"]),
        "low": numbers,
        "high": numbers,
    },
    optional={
        "log": st.booleans(),
        "step": numbers,
        "choices": st.lists(leaves, max_size=3),
        "when": trees,
    },
)
KEYS = [
    *STUDY,
    "metric",
    "ablation",
    "resources",
    "budget",
    "retry",
    "overrides",
    "report",
    "tune",
    "else",
]
OPTIONS = [
    "--name",
    "--reproduce",
    "--max-concurrent",
    "--resume",
    "--results",
    "--address",
    "--space",
    "--set",
    "--else",
]
HOSTILE = [
    "..",
    "/etc",
    "a/b",
    "-1",
    "nan",
    "~",
    "results/..",
    "a" * 300,
    "a=" + "[" * 3000,
    "name=../up",
    "\udcff",
]


def written(space: Path, tree: object) -> list[object]:
    path = space.parent / "fuzzed.yaml"
    path.write_text(
        yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8", errors="surrogatepass"
    )
    return ["--space", path]


def of_a_study(key: str, value: object) -> Callable[[Path], list[object]]:
    return lambda space: written(space, {**STUDY, key: value})


def of_a_range(value: object) -> Callable[[Path], list[object]]:
    return lambda space: written(space, {**STUDY, "parameters": {PARAMETER: value}})


def of_a_config(
    section: str, value: object, inside: bool, key: str
) -> Callable[[Path], list[object]]:
    def arguments(space: Path) -> list[object]:
        tree = {**BASE.get(section, {}), key: value} if inside else value
        (space.parent / "base.yaml").write_text(
            yaml.safe_dump({**BASE, section: tree}, allow_unicode=True), encoding="utf-8"
        )
        return ["--space", space]

    return arguments


def of_bytes(content: bytes) -> Callable[[Path], list[object]]:
    def arguments(space: Path) -> list[object]:
        (space.parent / "fuzzed.yaml").write_bytes(content)
        return ["--space", space.parent / "fuzzed.yaml"]

    return arguments


def of_an_option(option: str, value: str) -> Callable[[Path], list[object]]:
    return lambda space: ["--space", space, f"{option}={value}".replace("\0", "")]


KINDS: dict[str, Any] = {
    "a study's key": st.builds(of_a_study, st.sampled_from(KEYS), trees),
    "a range": st.builds(of_a_range, ranges),
    "a config": st.builds(
        of_a_config,
        st.sampled_from([*BASE, "circuit", "neuron", "seed", "else"]),
        trees,
        st.booleans(),
        words,
    ),
    "bytes": st.builds(
        of_bytes,
        st.binary(max_size=60)
        | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
    ),
    "an option": st.builds(
        of_an_option, st.sampled_from(OPTIONS), st.text(max_size=12) | st.sampled_from(HOSTILE)
    ),
    "a setting": st.builds(
        of_an_option,
        st.just("--set"),
        st.builds("{}={}".format, st.text(max_size=12) | words, st.text(max_size=12)),
    ),
}


def fuzz(kind: str, examples: int, space: Path) -> dict[int, int]:
    """Draws so many inputs; how often each exit code came."""
    codes: dict[int, int] = {}

    @settings(max_examples=examples, deadline=None, database=None)
    @given(KINDS[kind])
    def every(arguments: Callable[[Path], list[object]]) -> None:
        code, output = command(*arguments(space), "--dry-run")
        assert code in (0, 2), output
        assert output.strip()
        assert "Traceback" not in output
        codes[code] = codes.get(code, 0) + 1

    every()
    assert not list(space.parent.glob("**/plan.json"))
    return codes


@pytest.mark.parametrize("kind", KINDS)
def test_any_input_is_answered(space: Path, kind: str) -> None:
    codes = fuzz(kind, 25, space)
    assert codes.get(2, 0) > 0  # what is drawn is bad input


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", KINDS)
def test_much_input_is_answered(space: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    codes = fuzz(kind, int(os.environ.get("FUZZ_EXAMPLES", "1000")), space)
    with capsys.disabled():
        print(f"\n{kind}: {sum(codes.values())} inputs, exit codes {dict(sorted(codes.items()))}")


# ---- input that is meant badly


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        ("name: ../up", "name"),
        ("train: {epochs: 3}", "overrides: {train.KEY: VALUE}"),
        ("name: /etc/study", "name"),
        ("name: a\\b", "name"),
        ("name: .hidden", "name"),
        ("name: " + "a" * 300, "name"),
        ("a: &a [x, x]\nb: &b [*a, *a]", "line"),
        ("baselines: !!python/object/apply:os.system [true]", "line"),
        ("replicate: {seeds: .nan}", "replicate.seeds"),
        ("budget: {hours: .inf}", "budget.hours"),
        ("max_failed: -0.1", "max_failed"),
        ("parameters: {train.learning_rate: {type: float, low: 0.1, high: 0.1}}",
        "parameters.train.learning_rate"),
        ("parameters: {train.learning_rate: {type: float, low: 2.0, high: 1.0}}",
        "parameters.train.learning_rate"),
        ("parameters: {model.norm: {type: categorical, choices: []}}", "parameters.model.norm"),
        ("search: {trials: 1000000000}", "search.trials"),
        ("base: ../../../../etc/passwd", "must be a mapping"),
        ("base: .", "base"),
        ("ablation: {design: factorial, factors: {" + ", ".join(f"f{n}: {{circuit.init.gain: {n + 2}}}" for n in range(20)) + "}}",  # noqa: E501
         "ablation"),
    ],
)  # fmt: skip
def test_hostile_study_files_are_refused(space: Path, tmp_path: Path, edit: str, key: str) -> None:
    kept = {name: value for name, value in STUDY.items() if not edit.startswith(f"{name}:")}
    path = space.parent / "hostile.yaml"
    path.write_text(yaml.safe_dump(kept) + edit + "\n")
    code, output = command("--space", path, "--results", tmp_path / "results")
    assert (code, "hostile.yaml" in output or "/etc/passwd" in output, key in output) == (
        2,
        True,
        True,
    ), output
    assert not (tmp_path / "results").exists()


LONG = "a" * 300


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--results", LONG], "file name too long"),
        (["--results", "study.yaml"], "study.yaml"),
        (["--results", "/dev/null/x"], "/dev/null/x"),
        (["--results", "/proc/results"], "/proc/results"),
        (["--name", LONG], "name"),
        (["--name", "a\nb"], "name"),
        (["--set", "replicate.seeds=" + "9" * 5000], "replicate.seeds"),
    ],
)
def test_impossible_options_are_refused_before_anything_starts(
    space: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    code, output = command("--space", space, *options)
    assert (code, said.lower() in output.lower()) == (2, True), output
    assert len(output) < 2000
    assert {path.name for path in tmp_path.iterdir()} == before
