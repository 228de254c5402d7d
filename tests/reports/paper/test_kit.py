"""The paper kit: what it says, and that LaTeX takes it as it is."""

import math
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from click.testing import CliRunner
from synthetic import large_study, small_study

from reports.__main__ import main
from reports.analysis.collect import read_study
from reports.analysis.compare import Options, main_table
from reports.analysis.compute import compute, joules_by_arm
from reports.paper.kit import write_paper
from reports.paper.latex import Part, label, tabular
from reports.paper.references import entries, used
from reports.paper.texts import compute_text, methods
from reports.tables.costs import cost_table


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """The kit of a study whose name and arms LaTeX would stumble over."""
    folder = small_study(tmp_path_factory.mktemp("results") / "small_&_odd")
    return write_paper(folder)


def test_labels_are_of_the_study(kit):
    assert r"\label{tab:small-odd-main}" in (kit / "main.tex").read_text()
    assert label("A study", "main") != label("B study", "main")


def test_an_arm_that_never_trained_has_its_reason(kit):
    text = (kit / "main.tex").read_text()
    assert "0 of 3" in text
    assert "3 of 3 runs did not train; most often: the loss is nan after epoch 2." in text


def test_figures_have_a_column_s_and_a_page_s_width(kit):
    for word in ("column", "page"):
        assert (kit / f"figures/forest-{word}.pdf").read_bytes().startswith(b"%PDF")


def test_every_work_that_is_cited_is_listed(kit):
    listed = set(re.findall(r"@\w+\{(\w+),", (kit / "references.bib").read_text()))
    texts = "".join(path.read_text() for path in kit.glob("*.tex"))
    cited = {key for found in re.findall(r"cite\{([^}]*)\}", texts) for key in found.split(",")}
    assert cited <= listed <= set(entries())


def test_compute_counts_every_trial_once(tmp_path):
    folder = small_study(tmp_path / "small")
    found = compute(read_study(folder))
    assert [(share.name, share.trials) for share in found.shares] == [
        ("completed replicates", 9),
        ("trials that failed or did not end", 3),
    ]
    # Nine replicates of ten epochs of 1.2 seconds; those that diverged left no epoch.
    assert found.hours == pytest.approx(9 * 10 * 1.2 / 3600)
    assert found.per_run == pytest.approx(10 * 1.2 / 3600)


def test_the_methods_name_the_seeds_of_further_repeats(tmp_path):
    folder = small_study(tmp_path / "small")
    study = read_study(folder)
    plan = {**study.plan, "repeats": 3, "first_seed": 1000, "seeds": 2, "seeds_apart": 10_000}
    text = methods(replace(study, plan=plan), [], replace(Options(), repeats=3))
    assert "(1000 to 1001, 10,000 higher in each further repeat)" in " ".join(text.split())


def test_measured_energy_is_that_of_all_trials(tmp_path):
    """2 J a trial, failed ones too: 12 trials of 3 a piece in 4 arms."""
    folder = small_study(tmp_path / "small")
    study = read_study(folder)
    assert math.isnan(compute(study).joules)  # nothing was measured
    unmeasured = cost_table(main_table(study, Options()), joules_by_arm(study))
    assert "kJ" not in str(unmeasured)
    measured = replace(study, trials=study.trials.assign(joules=2.0))
    assert compute(measured).joules == 24
    by_arm = joules_by_arm(measured)
    assert set(by_arm.values()) == {6.0}
    results = main_table(measured, Options())
    assert "measured, all trials (kJ)" in str(cost_table(results, by_arm))
    assert "0.0240 kJ" in compute_text(measured)


def test_a_narrow_table_takes_one_column():
    narrow = tabular([Part("a", "l", ("x",)), Part("b", "r", ("1.0",))], "c", "tab:x")
    wide = tabular([Part("a" * 70, "l", ("x",))], "c", "tab:x")
    assert r"\begin{table}[t]" in narrow
    assert r"\begin{table*}[t]" in wide


def test_the_command_prints_where_it_is(tmp_path):
    folder = small_study(tmp_path / "small")
    done = CliRunner().invoke(main, [str(folder), "--paper", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(tmp_path / "out/paper")
    assert not (folder / "report").exists()


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
