"""The paper kit: what it says, and that LaTeX takes it as it is."""

import shutil
import subprocess

import pytest

from reports.analysis.collect import read_study
from reports.paper.kit import write_paper
from reports.paper.references import used
from tests.reports.synthetic import large_study


def test_figures_have_a_column_s_and_a_page_s_width(kit):
    for word in ("column", "page"):
        assert (kit / f"figures/forest-{word}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_takes_it_as_it_is(tmp_path):
    folder = large_study(tmp_path / "large", trials=8, seeds=3, epochs=4)
    kit = write_paper(folder)
    assert {"optuna", "tpe"} <= set(used(read_study(folder)))
    for command in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        options = ["-interaction=nonstopmode"] if command == "pdflatex" else []
        done = subprocess.run([command, *options, "paper"], cwd=kit, capture_output=True)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    assert "undefined" not in said
    assert (kit / "paper.pdf").stat().st_size > 20_000
