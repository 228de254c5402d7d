"""docs/statistics.md says what the code does."""

from pathlib import Path

import pytest

from reports.analysis import search, statistics
from reports.analysis.compare import options_for
from reports.analysis.verdicts import Verdict
from study.dry_run import detectable

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8")


def rows(header: str) -> list[list[str]]:
    """The cells of the table whose first line starts with ``header``."""
    lines = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_what_is_probably_found():
    for n, *cells in rows("| seeds n | 1 comparison"):
        assert cells == [f"{detectable(int(n), 0.05 / size):.2f}" for size in (1, 5, 15)]


def test_the_coverage_is_what_the_code_documents():
    """tests/reports/test_coverage.py draws anew."""
    documented = {line.split("  ")[0].strip(): line.split()[-4:] for line in _normal_block()}
    table = {name: cells for name, *cells in rows("| method       |")}
    assert table == {
        "Student's t": documented["Student's t"],
        "BCa": documented["BCa"],
        "percentile": documented["percentile"],
    }
    assert "t intervals from 5 seeds held the true mean in 0.407" in PAGE
    assert "one seed in ten at chance                Student's t     0.275    0.407" in (
        statistics.__doc__ or ""
    )


def _normal_block() -> list[str]:
    lines = (statistics.__doc__ or "").splitlines()
    start = next(k for k, line in enumerate(lines) if line.strip().startswith("normal "))
    return [line[45:] for line in lines[start : start + 3]]


def test_the_example_by_hand():
    low, high = statistics.interval([1.0, 2.0, 3.0])
    assert f"[{low:.2f}, +{high:.2f}]".replace("-", "−") in PAGE
    assert f"p = {statistics.sign_flip_p([1.0, 2.0, 3.0]):.2f}" in PAGE


def test_limits_and_words():
    assert f"Up to {statistics.EXACT_UP_TO} seeds all" in PAGE
    assert (
        f"{statistics.RESAMPLES:,} random ones, so that no p lies below {1 / (statistics.RESAMPLES + 1):g}"
        in " ".join(PAGE.split())
    )
    assert f"over at least {search.LEAST_FOR_IMPORTANCE} completed trials" in " ".join(PAGE.split())
    for word in Verdict:
        assert f"**{word}**" in PAGE
    assert (options_for.__kwdefaults__ or {})["at"] == "last"
    assert pytest.approx(0.28, abs=0.005) == 100 / 360
