"""The paper's paragraphs."""

from dataclasses import replace

from reports.analysis.collect import read_study
from reports.analysis.options import Options
from reports.paper.texts import methods
from tests.reports.synthetic import small_study


def test_the_methods_name_the_seeds_of_further_repeats(tmp_path):
    folder = small_study(tmp_path / "small")
    study = read_study(folder)
    plan = {**study.plan, "repeats": 3, "first_seed": 1000, "seeds": 2, "seeds_apart": 10_000}
    text = methods(replace(study, plan=plan), [], replace(Options(), repeats=3))
    assert "(1000 to 1001, 10,000 higher in each further repeat)" in " ".join(text.split())
