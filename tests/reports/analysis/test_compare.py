import math

import pytest
from synthetic import arm, replicate, small_study, write_study

from reports.analysis.collect import StudyError, read_study
from reports.analysis.compare import comparison_family, main_table, options_for
from reports.tables.text import main_table_text


@pytest.fixture
def results(tmp_path):
    study = read_study(small_study(tmp_path / "small"))
    return {result.arm: result for result in main_table(study, options_for(study))}


def test_means_and_intervals(results):
    full = results["full"]
    assert (full.n, full.planned) == (3, 3)
    assert full.mean == pytest.approx(0.97)
    assert full.sd == pytest.approx(0.01)
    assert (full.low, full.high) == pytest.approx((0.97 - 0.0248414, 0.97 + 0.0248414), abs=1e-6)
    assert full.other == pytest.approx(0.972)  # at the best validation epoch


def test_differences_are_paired_by_seed(results):
    record = results["no_ste"].differences["full"]
    assert (record.n, record.mean) == (3, pytest.approx(-0.02))
    # Five tests are planned, no_init's two among them although it is dead: no_ste, no_init and bn
    # against full, no_ste and no_init against bn. The sd of the differences is 0.01.
    assert record.low == pytest.approx(-0.02 - 9.924843 * 0.01 / math.sqrt(3), abs=1e-6)
    assert record.p == pytest.approx(0.0741799, abs=1e-6)  # t = 3.4641 with 2 degrees of freedom
    assert record.p_corrected == pytest.approx(5 * 0.0741799, abs=1e-5)
    assert record.verdict == "undecided"
    assert record.more == 3  # t(5, 0.995) = 4.032 times 0.01 / sqrt(6) is less than 0.02
    # bn against full: 0.94-0.96, 0.96-0.97, 0.95-0.98
    assert results["bn"].differences["full"].mean == pytest.approx(-0.02)


def test_reference_against_baseline_is_one_test(results):
    there, back = results["full"].differences["bn"], results["bn"].differences["full"]
    assert there.mean == pytest.approx(-back.mean)
    assert there.p_corrected == back.p_corrected


def test_an_arm_that_only_diverged_has_no_number(results):
    dead = results["no_init"]
    assert (dead.n, dead.planned, dead.states) == (0, 3, {"replicate": {"diverged": 3}})
    assert all(map(math.isnan, (dead.mean, dead.low, dead.high, dead.differences["full"].mean)))
    assert dead.differences["full"].verdict == "no result yet"


def test_a_clear_difference_with_enough_seeds(tmp_path):
    rows = [replicate("full", 1000 + k, 0.9 + 0.001 * k) for k in range(8)] + [
        replicate("bn", 1000 + k, 0.8 + 0.002 * k) for k in range(8)
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference"), arm("bn", "baseline")])
    )
    results = main_table(study, options_for(study))
    assert [r.verdict for result in results for r in result.differences.values()] == [
        "better",
        "worse",
    ]
    assert len(comparison_family(results, options_for(study))) == 1
    shown = next(
        line for line in main_table_text(tmp_path / "s").splitlines() if line.startswith("bn ")
    )
    assert "−9.45] worse *" in shown  # its caption explains the asterisk


def test_only_shared_seeds_pair(tmp_path):
    rows = [
        replicate("full", 1, 0.9),
        replicate("full", 2, 0.8),
        replicate("bn", 2, 0.7),
        replicate("bn", 3, 0.1),
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference"), arm("bn", "baseline")])
    )
    record = main_table(study, options_for(study))[1].differences["full"]
    assert (record.n, record.mean) == (1, pytest.approx(-0.1))


def test_search_trials_never_enter(tmp_path):
    rows = [replicate("full", 1, 0.9), {**replicate("full", 2, 0.1), "kind": "search"}]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert main_table(study, options_for(study))[0].mean == pytest.approx(0.9)


def test_the_other_reading_and_other_metrics(tmp_path):
    study = read_study(small_study(tmp_path / "small"))
    assert main_table(study, options_for(study, at="best"))[0].mean == pytest.approx(0.972)
    loss = options_for(study, metric="test/loss")
    assert not loss.higher_is_better
    assert main_table(study, loss)[0].mean == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"baseline": "ban"}, "--baseline: no arm 'ban' in this study; did you mean 'bn'?"),
        ({"metric": "test/acuracy"}, "did you mean 'test/accuracy'?"),
        ({"metric": "test/loss", "at": "best"}, "no numbers 'test/loss_best'"),
        ({"alpha": 5.0}, "--alpha must lie between 0 and 1; got 5."),
    ],
)
def test_wishes_that_cannot_be_met(tmp_path, wish, words):
    study = read_study(small_study(tmp_path / "small"))
    with pytest.raises(StudyError) as caught:
        options_for(study, **wish)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
