"""A front by hand: cheap and good, dear and better, and one between them that is not told apart."""

import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.front import places
from reports.analysis.options import options_for
from tests.reports.synthetic import arm, replicate, write_study

ARMS = {  # (accuracies, energy)
    "cheap": ([0.90, 0.91, 0.92], 1000.0),
    "near": ([0.88, 0.92, 0.90], 2000.0),
    "poor": ([0.50, 0.51, 0.52], 3000.0),
    "dear": ([0.95, 0.96, 0.97], 4000.0),
    "chance": ([0.10, 0.10, 0.11], 10.0),
}


@pytest.fixture
def study(tmp_path):
    rows = []
    for name, (values, energy) in ARMS.items():
        rows += [replicate(name, k, value, energy_nj=energy) for k, value in enumerate(values)]
    arms = [arm(name, "reference" if name == "cheap" else "baseline") for name in ARMS]
    plan = {"reference": "cheap", "baseline": None, "classes": 10, "test_images": 360}
    return read_study(write_study(tmp_path / "s", rows, arms, **plan))


def test_places(study):
    options = options_for(study)
    assert places(main_table(study, options), "energy_nj", options) == {
        "cheap": "on the front",
        "near": "not told apart from the front",
        "poor": "behind",
        "dear": "on the front",
    }


def test_memory_of_a_cpu_worker_is_not_a_trials_own(study):
    options = options_for(study)
    assert main_table(study, options)[0].costs["peak_memory_mb"] == 312.5
    study.environments["s"]["gpus"] = []
    assert main_table(study, options)[0].costs["peak_memory_mb"] != 312.5
