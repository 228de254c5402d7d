"""docs/statistics.md says what the code does. Simulated tables are drawn again, shorter."""

import math
from pathlib import Path

import pytest

from benchmarks import statistics as bench
from reports.analysis import statistics
from reports.analysis.importance import LEAST_FOR_IMPORTANCE
from reports.analysis.options import Options, options_for
from reports.analysis.power import Pilot, detectable
from reports.analysis.sequential import looks
from reports.analysis.verdicts import Verdict

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())
STUDIES = 1500


def rows(header: str) -> list[list[str]]:
    """The cells of the table whose first line starts with ``header``."""
    lines = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def agrees(cell: str, share: float, times: int = STUDIES) -> bool:
    """Whether a simulated share is the page's, within 4 standard errors of both."""
    written = float(cell)
    variance = max(written * (1 - written), 0.002) * (1 / times + 1 / 8000)
    return abs(share - written) <= 4 * math.sqrt(variance)


def test_what_is_found():
    table = rows("| units n | 1 comparison")
    for n, *cells in table:
        assert cells == [f"{detectable(int(n), Pilot(1.0), 0.05 / m):.2f}" for m in (1, 5, 8, 15)]


@pytest.mark.parametrize(("data", "n"), [("normal", 0), ("ties", 1), ("unequal variance", 2)])
def test_false_verdicts(data, n):
    table = {(name, rule): cells for name, rule, *cells in rows("| data | rule |")}
    found = bench.false_verdicts(data, (3, 5, 8)[n], STUDIES, bench.single_step)
    assert agrees(table[data, "single step"][n], found)
    assert found <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / STUDIES)


def test_single_step_holds_its_error_in_every_cell():
    for name, rule, *cells in rows("| data | rule |"):
        if rule == "single step":
            assert all(float(cell) <= 0.055 for cell in cells), name


def test_all_intervals_hold_together():
    table = {name: cells for name, *cells in rows("| data | n = 3 | n = 5 | n = 8 | n = 10 |")}
    assert agrees(table["normal"][1], bench.coverage("normal", 5, STUDIES))
    for cells in table.values():
        assert all(float(cell) >= 0.945 for cell in cells)


def test_searches_of_their_own():
    table = {name: cells for name, *cells in rows("| repeats x seeds |")}
    assert agrees(table["1 x 10"][1], bench.tuned(1, 1, 10, STUDIES))
    assert agrees(table["5 x 2"][1], bench.tuned(1, 5, 2, STUDIES))
    assert all(float(cell) <= 0.06 for cell in table["5 x 2"] + table["5 x 5"])


def test_arms_that_die():
    table = {(share, how): cells for share, how, *cells in rows("| dead runs |")}
    better, worse = bench.dying(0.4, 10, STUDIES, chance=True)
    assert agrees(table["40%", "chance"][2], better)
    assert agrees(table["40%", "chance"][3], worse)
    for share in ("20%", "40%"):
        assert all(float(cell) <= 0.05 for cell in table[share, "chance"][::2])


def test_until_decided():
    assert looks(5, 20) == [5, 10, 15, 20]
    first = rows("| effect (SD of a replicate) |")[0]
    false, _, _ = bench.until_decided(0.0, STUDIES)
    assert agrees(first[2], false)
    for row in rows("| effect (SD of a replicate) |"):
        if row[1] == "shared":
            assert float(row[2]) <= 0.05


def test_the_coverage_is_what_the_code_documents():
    """tests/reports/analysis/test_coverage.py draws anew."""
    documented = {line.split("  ")[0].strip(): line.split()[-4:] for line in _normal_block()}
    table = {name: cells for name, *cells in rows("| method       |")}
    assert table == {
        "Student's t": documented["Student's t"],
        "BCa": documented["BCa"],
        "percentile": documented["percentile"],
    }
    assert "t intervals from 5 seeds held the true mean in 0.407" in WORDS
    assert "one seed in ten at chance                Student's t     0.275    0.407" in (
        statistics.__doc__ or ""
    )


def _normal_block() -> list[str]:
    lines = (statistics.__doc__ or "").splitlines()
    start = next(k for k, line in enumerate(lines) if line.strip().startswith("normal "))
    return [line[45:] for line in lines[start : start + 3]]


def test_the_example_by_hand():
    test = statistics.paired([1.0, 2.0, 3.0], 0.05 / 5)
    assert f"p = {test.p:.3f}" in PAGE
    assert f"[{test.low:.2f}, +{test.high:.2f}]".replace("-", "−") in PAGE
    assert f"p (single step) is {5 * test.p:.3f}" in WORDS


def test_limits_and_words():
    assert f"Up to {statistics.EXACT_UP_TO} units all" in WORDS
    least = 1 / (statistics.RESAMPLES + 1)
    assert f"{statistics.RESAMPLES:,} random ones, so that no p lies below {least:g}" in WORDS
    fewest = statistics.least_for_sign_flips(0.05)
    assert f"with fewer than {fewest} units nothing can be decided at 0.05" in WORDS
    assert f"It needs {LEAST_FOR_IMPORTANCE} completed trials" in WORDS
    for word in Verdict:
        assert f"**{word}**" in PAGE
    assert (options_for.__kwdefaults__ or {})["at"] == "last"
    assert Options().correction == "single_step"
    assert pytest.approx(0.28, abs=0.005) == 100 / 360
