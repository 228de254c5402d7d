"""What a table's numbers are and how they were judged, in words."""

from dataclasses import replace

import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import Options, options_for
from reports.tables import captions
from tests.reports.synthetic import small_study

PLAIN = Options(reference="full", arms=("full", "a", "b"))


def test_failures_count_as_chance_or_have_no_value(tmp_path):
    study = read_study(small_study(tmp_path / "s"))
    said = "3 replicates that diverged or ran out of memory count as chance (10.00 %)."
    assert captions.failures(study, Options(classes=10)) == said
    left_out = "3 replicates that failed have no value here (report.failures: exclude)."
    assert captions.failures(study, Options(classes=10, failures="exclude")) == left_out
    unknown = captions.failures(study, Options())
    assert unknown.endswith("(the metric's chance level is not known).")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "paired t intervals that hold together for the page's 2 comparisons at level 0.05"),
        ({"looks": 4}, "the page's 2 comparisons at 4 planned looks at level 0.05"),
        ({"correction": "holm"}, "Holm's correction over the page's 2 comparisons"),
        ({"correction": "none"}, "not adjusted for the page's 2 comparisons"),
        ({"test": "sign_flip"}, "a joint sign-flip test of the page's 2 comparisons"),
        ({"margin": 0.01}, "Differences up to 1.00 points do not matter."),
        ({"repeats": 3}, "Differences are paired by repeat, in points"),
    ],
)
def test_the_test_and_its_family(change, words):
    assert words in captions.test(replace(PLAIN, **change))


def test_too_few_seeds_for_any_verdict():
    flips = replace(PLAIN, test="sign_flip")
    assert captions.too_few(5, flips).startswith("With 5 seeds the smallest possible p is 0.0625")
    assert captions.too_few(6, flips) == ""
    assert captions.too_few(5, PLAIN) == ""


def test_the_test_set_has_an_error_of_its_own(tmp_path):
    """97 % of 900 images: sqrt(0.97 * 0.03 / 900) is 0.57 points."""
    study = read_study(small_study(tmp_path / "s"))
    results = main_table(study, options_for(study))
    text = captions.test_set(results, Options(test_images=900))
    assert text.startswith("The 900 test images are the same for all")
    assert "97.00 % a standard error of 0.57 points" in text
    assert captions.test_set(results, Options()) == ""
