import shutil
import subprocess

import pandas as pd
import pytest

from reports.page.page import write_report
from reports.tables.table import Cell, Column, Table, latex, to_latex, to_markdown, to_text
from tests.reports.synthetic import factorial_study, large_study

TABLE = Table(
    name="main",
    title="arms",
    caption="5 % & more_or_less",
    columns=(Column("arm", False), Column("accuracy (%)")),
    rows=(
        (Cell("no_init"), Cell("−1.50 [−2.00, −1.00]", -1.5, significant=True, note="worse")),
        (Cell("full"), Cell("97.00", 97.0, bold=True)),
    ),
    frame=pd.DataFrame(),
)


def test_markdown():
    lines = to_markdown(TABLE).splitlines()
    assert lines[2:5] == [
        "| arm | accuracy (%) |",
        "|---|---:|",
        r"| no_init | −1.50 [−2.00, −1.00]\* worse |",
    ]
    assert lines[5] == "| full | **97.00** |"


def test_latex_is_escaped_bold_and_marked():
    text = to_latex(TABLE)
    assert r"no\_init & $-$1.50 [$-$2.00, $-$1.00]$^{*}$ \\" in text
    assert r"full & \textbf{97.00} \\" in text
    assert r"\caption{arms. 5 \% \& more\_or\_less}" in text
    assert latex("\\x{1}~") == r"\textbackslash{}x\{1\}\textasciitilde{}"


def test_terminal():
    lines = to_text(TABLE).splitlines()
    assert lines[4].startswith("no_init  −1.50")
    assert lines[5].endswith("97.00")
    assert len({len(line) for line in lines if line.startswith("─")}) == 1


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pdflatex") is None,
    reason="no pdflatex (Debian: apt-get install texlive-latex-recommended)",
)
def test_every_latex_table_compiles(tmp_path):
    folders = [
        large_study(tmp_path / "large", epochs=3),
        factorial_study(tmp_path / "factorial", noise=0.004),
    ]
    tables = [
        path
        for folder in folders
        for path in sorted(write_report(folder, formats=("tex",)).parent.glob("tables/*.tex"))
    ]
    assert len(tables) >= 9
    inputs = "\n".join(f"\\input{{{path}}}\\clearpage" for path in tables)
    packages = "\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\usepackage{graphicx}"
    document = (
        f"\\documentclass{{article}}{packages}\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )
    (tmp_path / "all.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout
    assert (tmp_path / "all.pdf").stat().st_size > 10_000
