"""The kit of a study whose name and arms LaTeX would stumble over."""

import pytest

from reports.paper.kit import write_paper
from tests.reports.synthetic import small_study


@pytest.fixture(scope="session")
def kit(tmp_path_factory):
    """The kit of a study whose name and arms LaTeX would stumble over."""
    folder = small_study(tmp_path_factory.mktemp("results") / "small_&_odd")
    return write_paper(folder)
