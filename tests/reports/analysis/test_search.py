import itertools
import math

import numpy as np
import pytest
from synthetic import PARAMETERS, arm, replicate, search, write_study

from reports.analysis import search as s
from reports.analysis.collect import read_study
from reports.analysis.compare import options_for
from reports.analysis.importance import missing
from reports.figures import pairs
from reports.page.sections import all_sections

NAN = math.nan


def test_best_so_far():
    assert s.best_so_far([NAN, 0.5, 0.3, NAN, 0.7]).tolist()[1:] == [0.5, 0.5, 0.5, 0.7]
    assert s.best_so_far([3.0, 1.0, 2.0], higher=False).tolist() == [3.0, 1.0, 1.0]


def test_expected_best_by_hand():
    budget = s.expected_best([1.0, 2.0, 3.0])
    assert budget.mean == pytest.approx([2.0, (2 + 3 + 3) / 3, 3.0])  # pairs: {1,2}, {1,3}, {2,3}
    assert budget.low[-1] == budget.high[-1] == 3.0


@pytest.mark.parametrize("higher", [True, False])
def test_expected_best_equals_going_through_all_draws(higher):
    values = np.array([0.2, NAN, 0.9, 0.5, NAN, 0.7])
    budget = s.expected_best(values, higher)
    best = np.nanmax if higher else np.nanmin
    for k in range(1, 7):
        draws = [values[list(chosen)] for chosen in itertools.combinations(range(6), k)]
        assert budget.mean[k - 1] == pytest.approx(
            np.mean([best(draw) for draw in draws if not np.isnan(draw).all()])
        )


def test_without_any_value_there_is_no_expectation():
    assert np.isnan(s.expected_best([NAN, NAN]).mean).all()


def test_a_ranking_that_depends_on_the_budget():
    careful = s.expected_best([0.80, 0.80, 0.80, 0.80]).mean
    tunable = s.expected_best([0.95, 0.10, 0.10, 0.10]).mean  # 0.31, 0.53, 0.74, 0.95
    assert s.flips({"careful": careful, "tunable": tunable}) == [s.Flip("careful", "tunable", 3)]
    assert s.flips({"a": careful, "b": careful - 0.1}) == []


def test_noise_turns_no_ranking():
    one, other = np.array([0.5, 0.6, 0.6]), np.array([0.5 + 1e-17, 0.59, 0.61])
    assert s.flips({"a": one, "b": other}) == [s.Flip("a", "b", 2)]
    assert s.flips({"a": one, "b": other}, noise=0.02) == []
    assert s.flips({"a": one, "b": one + np.array([1e-17, -1e-17, 1e-17])}) == []


def test_what_a_trials_budget_bought(tmp_path):
    """Pruned trials enter at their last value, failed ones at chance."""
    rows = s.trials_of(searched_study(tmp_path, classes=10), "full")
    assert rows["reached"].tolist()[-2:] == [0.1, 0.99]
    assert rows["value"].isna().tolist()[-2:] == [True, True]
    unknown = s.trials_of(searched_study(tmp_path / "t"), "full")
    assert math.isnan(unknown["reached"].iloc[-2])


def test_the_noise_is_that_of_replicates(tmp_path):
    rows = [replicate("full", k, value) for k, value in enumerate([0.90, 0.92])]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert s.noise(study) == pytest.approx(math.sqrt(2) * 0.02 / math.sqrt(2))


def test_every_searched_parameter_is_listed(tmp_path):
    """Also where all completed trials agree, as where there is only one."""
    rows = [search("full", 0, 0.9, **{"train.learning_rate": 0.01, "circuit.ei_ratio": 4})]
    rows += [search("full", 1, None, **{"train.learning_rate": 0.1, "circuit.ei_ratio": 8})]
    wanted = ["train.learning_rate", "circuit.ei_ratio"]
    arms = [arm("full", "reference", searched=wanted)]
    study = read_study(write_study(tmp_path / "s", rows, arms, parameters=PARAMETERS))
    assert [record.parameter for record in s.tuned_values(study, "full")] == wanted


def searched_study(tmp_path, **plan):
    """A search in which only the learning rate matters (best at 0.01).

    The best trial is at the upper end of the gain's range.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        rate, ratio = 10 ** rng.uniform(-3, -1), rng.choice([2, 4, 8])
        value = 0.9 - 0.1 * (math.log10(rate) + 2) ** 2
        rows.append(
            search(
                "full",
                number,
                value,
                **{
                    "train.learning_rate": rate,
                    "circuit.ei_ratio": ratio,
                    "circuit.init.gain": 3.9,
                },
            )
        )
    rows[-1] |= {"val/accuracy": 0.95, "train.learning_rate": 0.01}
    rows[3]["circuit.init.gain"] = 1.0
    rows += [
        search("full", 30, None),
        {**search("full", 31, 0.99), "state": "pruned"},
        {**search("full", 32, 0.99), "state": "running"},
    ]
    rows += [replicate("full", seed, 0.92) for seed in (1, 2)]
    parameters = {
        key: PARAMETERS[key]
        for key in ("circuit.init.gain", "circuit.ei_ratio", "train.learning_rate")
    }
    return read_study(
        write_study(
            tmp_path / "s", rows, [arm("full", "reference")], **{"parameters": parameters, **plan}
        )
    )


def test_pruned_and_failed_trials_use_budget_and_give_nothing(tmp_path):
    values = s.trials_of(searched_study(tmp_path), "full")["value"]
    assert len(values) == 32  # the running one is not finished
    assert values.isna().sum() == 2
    assert values.max() == pytest.approx(0.95)


def test_importance_finds_the_parameter_that_matters(tmp_path):
    first, *others = s.importances(searched_study(tmp_path), "full")
    assert first.parameter == "train.learning_rate"
    assert all(record.share < first.share for record in others)


def test_importance_is_set_against_chance(tmp_path):
    records = s.importances(searched_study(tmp_path), "full")
    first, *others = records
    assert first.parameter == "train.learning_rate"
    assert first.low < first.share < first.high + 0.5
    assert first.stands_out
    assert not any(record.stands_out for record in others)


def test_what_importance_cannot_say(tmp_path):
    rows = [search("full", k, 0.5 + 0.01 * k, **{"train.learning_rate": 0.01}) for k in range(19)]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference")], parameters=PARAMETERS)
    )
    assert s.importances(study, "full") == []
    assert missing(study, "full") == "full: 19 completed trials, importance needs 20"
    assert missing(searched_study(tmp_path), "full") == ""


def test_importance_needs_trials_and_a_difference(tmp_path):
    rows = [
        search("full", k, 0.5 + 0.1 * k, **{"train.learning_rate": 0.01 * (k + 1)})
        for k in range(4)
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference")], parameters=PARAMETERS)
    )
    assert s.importances(study, "full") == []


def test_tuned_values(tmp_path):
    records = {
        record.parameter: record for record in s.tuned_values(searched_study(tmp_path), "full")
    }
    assert records["circuit.init.gain"].at_edge == "high"
    rate = records["train.learning_rate"]
    assert (rate.chosen, rate.at_edge, rate.trials) == (0.01, "", 8)
    assert 0.004 < rate.low <= 0.01 <= rate.high < 0.03


def test_edges_are_judged_on_the_parameters_own_scale():
    log = {"low": 1e-3, "high": 1e-1, "log": True}
    assert s.edge(0.00105, log) == "low"
    assert s.edge(0.0015, log) == ""
    assert s.edge(0.0015, {"low": 1e-3, "high": 1e-1}) == "low"


def test_overtuning(tmp_path):
    record = s.overtuning(searched_study(tmp_path), "full")
    assert record.searched == pytest.approx(0.95)
    assert (record.validation, record.test, record.n) == (
        pytest.approx(0.93),
        pytest.approx(0.92),
        2,
    )


def test_a_search_is_never_judged_on_test_data(tmp_path):
    with pytest.raises(ValueError, match="validation data only"):
        s.objective(searched_study(tmp_path, metric={"name": "test/accuracy", "mode": "max"}))


def test_test_metrics_of_search_trials_change_nothing(tmp_path):
    """Even if a foreign trials.csv had them.

    The search's records and the chosen values stay the same.
    """
    study = searched_study(tmp_path)
    before = (
        s.tuned_values(study, "full"),
        s.importances(study, "full"),
        s.overtuning(study, "full"),
    )
    study.trials.loc[study.trials["kind"] == "search", ["test/accuracy", "test/accuracy_best"]] = (
        1.0
    )
    assert before == (
        s.tuned_values(study, "full"),
        s.importances(study, "full"),
        s.overtuning(study, "full"),
    )


def test_cells_of_the_interaction():
    table, counts = pairs.binned(
        [0.1, 0.1, 0.9],
        [0.1, 0.1, 0.9],
        [1.0, 3.0, 5.0],
        np.array([0, 0.5, 1]),
        np.array([0, 0.5, 1]),
    )
    assert table[0, 0] == 2.0
    assert table[1, 1] == 5.0
    assert np.isnan(table[0, 1])
    assert counts.sum() == 3


def test_what_a_searched_study_shows(tmp_path):
    study = searched_study(tmp_path)
    section = next(
        section for section in all_sections(study, options_for(study)) if section.key == "search"
    )
    assert [item.name for item in (*section.items, *section.more)] == [
        "search_curves",
        "parallel",
        "slices",
        "search",
        "importance",
        "importance",
        "interaction",
        "tuned",
        "overtuning",
    ]


def test_a_search_for_a_low_loss(tmp_path):
    study = searched_study(tmp_path, metric={"name": "val/loss", "mode": "min"})
    record = s.overtuning(study, "full")
    assert record.searched == pytest.approx(s.trials_of(study, "full")["value"].min())
    assert record.test == pytest.approx(0.5)
