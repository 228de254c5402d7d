"""What is compared, and wishes that cannot be met."""

import pytest

from reports.analysis.collect import StudyError, read_study
from reports.analysis.options import options_for
from tests.reports.pairs_of_depths import depths
from tests.reports.seven_seeds import study_of
from tests.reports.synthetic import small_study


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


def test_looking_again_costs(tmp_path):
    study = study_of(tmp_path / "s", until="decided", most=28)
    assert options_for(study).looks == 4
    assert options_for(study).level == pytest.approx(0.05 / 3 / 4)


def test_a_pair_that_is_in_the_main_table_counts_once(tmp_path):
    study = read_study(depths(tmp_path / "depth"))
    assert options_for(study).comparisons == 6
    assert options_for(study, pairs=[("bn_2", "full"), ("ei_2", "bn_2")]).comparisons == 5
