"""A study stops by the rule that its report judges by: the same family, looks and levels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.analysis import sequential, statistics
from reports.analysis.collect import Study, arms_of
from reports.analysis.options import options_of
from study.agenda import deciding
from study.plan import family, plan_record
from study.request import from_file

FILES = sorted((Path(__file__).resolve().parents[3] / "search_spaces").glob("*.yaml"))


def report_options(plan):
    record = plan_record(plan)
    trials = pd.DataFrame({"arm": pd.Series(dtype=str)})
    study = Study("s", (), trials, pd.DataFrame(), record, arms_of(record, trials))
    return options_of(study)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("until", [{}, {"replicate.most": 40, "replicate.until": "decided"}])
def test_family_and_level(path, until):
    plan = from_file(path, sets=until).plan()
    options = report_options(plan)
    rule = deciding.Deciding(plan, options.classes, options.test_images)
    assert {frozenset(pair) for pair in rule.pairs} == set(options.family)
    assert rule.level == pytest.approx(options.level)
    assert rule.margin == options.margin


def test_looks_and_intervals():
    for seeds, most in ((5, 20), (5, 18), (3, 3)):
        assert family.looks(seeds, most) == sequential.looks(seeds, most)
    rng = np.random.default_rng(0)
    for _ in range(200):
        d = rng.normal(0.02, 0.01, 5).round(3)
        test = statistics.paired(d, 0.01, 0.004)
        decided = test.low > 0 or test.high < 0 or (test.low > -0.01 and test.high < 0.01)
        assert deciding.is_decided(list(d), 0.01, 0.004, 0.01) == decided
