"""A 3 x 2 x baseline factorial whose effects are known."""

import itertools

import pytest

from reports.analysis import ablation
from reports.analysis.collect import read_study
from reports.analysis.designs import contrasts, design_of
from reports.analysis.options import options_for
from reports.page.sections import all_sections
from reports.tables.effects import design_table
from tests.reports.synthetic import arm, factorial_study, replicate, write_study

TAU = {"": 0.0, "slow": 0.03, "fast": -0.02}


def crossed(folder, *, missing=()):
    """tau is worth +0.03 slow and -0.02 fast; init 0.10, but only 0.04 in bn; bn itself 0.01."""
    arms, rows = [], []
    for network, tau, away in itertools.product(("full", "bn"), TAU, (False, True)):
        levels = ({"tau": tau} if tau else {}) | ({"init": ""} if away else {})
        name = network + "".join(f"+{key}={value}" for key, value in levels.items())
        if name in missing:
            continue
        value = 0.7 + TAU[tau] + (0.01 if network == "bn" else 0.0)
        value += 0.0 if away else (0.04 if network == "bn" else 0.10)
        role = "ablation" if levels else ("reference" if network == "full" else "baseline")
        more = {"levels": levels, "crossed": network if network == "bn" and levels else None}
        arms.append(arm(name, role, list(levels), **more))
        rows += [replicate(name, k, value + 0.001 * k) for k in range(4)]
    factors = {"tau": {"slow": {"t": 8.0}, "fast": {"t": 1.5}}, "init": {"i": "kaiming"}}
    return read_study(write_study(folder, rows, arms, factors=factors, baseline="bn"))


def test_effects_of_levels_and_networks_by_hand(tmp_path):
    study = crossed(tmp_path / "s")
    options = options_for(study)
    found = {record.factors: record for record in contrasts(design_of(study, options), options)}
    assert found["tau: slow",].mean == pytest.approx(0.03)
    assert found["tau: fast",].mean == pytest.approx(-0.02)
    assert found["init",].mean == pytest.approx((0.10 + 0.04) / 2)
    # bn minus full: 0.01 - 0.06 with init, 0.01 without
    assert found["network: bn",].mean == pytest.approx((-0.05 + 0.01) / 2)
    assert found["init", "network: bn"].mean == pytest.approx(0.04 - 0.10)
    assert found["tau: slow", "init"].mean == pytest.approx(0.0)
    assert found["tau: slow", "init", "network: bn"].mean == pytest.approx(0.0)
    assert len(found) == 4 + 5 + 2  # main effects, pairs, triples
    assert all(record.n == 4 for record in found.values())
    assert found["init",].p_corrected == pytest.approx(min(1.0, 11 * found["init",].p))


def test_a_design_with_a_hole_has_no_effects(tmp_path):
    study = crossed(tmp_path / "s", missing=["bn+tau=slow+init="])
    assert contrasts(design_of(study, options_for(study)), options_for(study)) == []
    assert design_table(study, options_for(study)) is None


def test_two_levels_are_what_the_ablation_says(tmp_path):
    study = read_study(factorial_study(tmp_path / "f", noise=0.01))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    found = {record.factors: record for record in contrasts(design_of(study, options), options)}
    for record in ablation.interactions(factors, y, options) + ablation.main_effects(
        factors, y, options
    ):
        assert found[record.factors].mean == pytest.approx(record.mean)
        assert found[record.factors].p == pytest.approx(record.p)
    assert ("a", "b", "c") in found


def test_the_page_shows_the_design(tmp_path):
    study = crossed(tmp_path / "s")
    section = next(s for s in all_sections(study, options_for(study)) if s.key == "ablation")
    (table,) = section.items
    assert [row[0].text for row in table.rows][:4] == [
        "tau: slow",
        "tau: fast",
        "init",
        "network: bn",
    ]
    assert table.rows[2][1].text.startswith("+7.00 [")
    assert "the table's 11 terms" in table.caption
