"""Effects of a study whose factors have known worth.

It is 0.10 (a), 0.20 (b), 0 (c), and -0.06 for a and b together.
"""

import pytest

from reports.analysis import ablation
from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.page.sections import all_sections
from tests.reports.synthetic import arm, factorial_study, replicate, write_study


def effects_of(tmp_path, **how):
    study = read_study(factorial_study(tmp_path / "f", **how))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    return (
        factors,
        y,
        options,
        {(e.kind, *e.factors): e for e in ablation.all_effects(factors, y, options)},
    )


def test_leave_one_out_and_add_one_in_differ_where_factors_are_redundant(tmp_path):
    factors, _, _, effects = effects_of(tmp_path, design=("leave_one_out", "add_one_in"))
    assert factors == ("a", "b", "c")
    assert effects[ablation.TAKEN, "a"].mean == pytest.approx(0.04)  # 0.10 - 0.06
    assert effects[ablation.ADDED, "a"].mean == pytest.approx(0.10)
    assert effects[ablation.TAKEN, "b"].mean == pytest.approx(0.14)
    assert effects[ablation.ADDED, "b"].mean == pytest.approx(0.20)
    assert effects[ablation.TAKEN, "c"].mean == pytest.approx(0.0)
    assert all(record.n == 8 for record in effects.values())


def test_factorial_effects_by_hand(tmp_path):
    factors, y, options, effects = effects_of(tmp_path)
    assert effects[ablation.MAIN, "a"].mean == pytest.approx(
        (0.10 + 0.04) / 2
    )  # without and with b
    assert effects[ablation.MAIN, "b"].mean == pytest.approx((0.20 + 0.14) / 2)
    assert effects[ablation.SHAPLEY, "a"].mean == pytest.approx(
        0.10 - 0.03
    )  # a shared loss is shared evenly
    pairs = {record.factors: record for record in ablation.interactions(factors, y, options)}
    assert pairs["a", "b"].mean == pytest.approx(-0.06)
    assert pairs["a", "c"].mean == pytest.approx(0.0)
    matrix = ablation.interaction_matrix(
        factors, list(pairs.values()), ablation.main_effects(factors, y, options)
    )
    assert matrix.loc["b", "a"] == pytest.approx(-0.06)
    assert matrix.loc["a", "a"] == pytest.approx(0.07)


def test_shapley_values_sum_to_whole_minus_bare(tmp_path):
    _, y, _, effects = effects_of(tmp_path, noise=0.01)
    whole, bare = y[frozenset("abc")], y[frozenset()]
    total = sum(effects[ablation.SHAPLEY, factor].mean for factor in "abc")
    assert total == pytest.approx(float((whole - bare).mean()), abs=1e-9)


def test_the_path_takes_away_what_costs_most_first(tmp_path):
    factors, y, options, _ = effects_of(tmp_path)
    steps = ablation.path(factors, y, options)
    assert [name for name, _ in steps] == ["", "b", "a", "c"]
    assert [round(float(values.mean() - 0.0035), 6) for _, values in steps] == [
        0.74,
        0.60,
        0.50,
        0.50,
    ]


def test_a_combination_without_a_value_leaves_gaps_not_numbers(tmp_path):
    rows = [replicate("full", s, 0.9) for s in (1, 2)] + [
        replicate("no_a", s, None) for s in (1, 2)
    ]
    rows += [replicate("no_b", s, 0.7 + 0.01 * s) for s in (1, 2)]
    arms = [arm("full", "reference"), arm("no_a", factors=["a"]), arm("no_b", factors=["b"])]
    study = read_study(write_study(tmp_path / "s", rows, arms, factors={"a": {}, "b": {}}))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    taken = {e.factors[0]: e for e in ablation.all_effects(factors, y, options)}
    assert (taken["a"].n, taken["b"].n) == (0, 2)
    assert taken["b"].mean == pytest.approx(0.9 - 0.715)
    assert ablation.missing_cells(factors, y) == ["without a"]
    section = next(s for s in all_sections(study, options) if s.key == "ablation")
    assert "No value for: without a" in section.text


def test_one_factor_has_one_effect(tmp_path):
    rows = [replicate("full", s, 0.9) for s in (1, 2)] + [replicate("no_a", s, 0.8) for s in (1, 2)]
    study = read_study(
        write_study(
            tmp_path / "s",
            rows,
            [arm("full", "reference"), arm("no_a", factors=["a"])],
            factors={"a": {}},
        )
    )
    factors, y = ablation.cells(study, options_for(study))
    assert [e.kind for e in ablation.all_effects(factors, y, options_for(study))] == [
        ablation.TAKEN
    ]
