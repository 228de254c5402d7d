"""The page and the files beside it, from folders in every condition that a study can be left in."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from reports.page.page import write_report
from tests.reports.page.light import page_of
from tests.reports.synthetic import arm, replicate, small_study, write_study


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small study with its report in every format."""
    folder = small_study(tmp_path_factory.mktemp("results") / "small")
    assert write_report(folder) == folder / "report" / "index.html"
    return folder


def test_every_format_is_written(small):
    for name in (
        "tables/main.csv",
        "tables/main.md",
        "tables/main.tex",
        "tables/main.parquet",
        "tables/trials.parquet",
    ):
        assert (small / "report" / name).stat().st_size > 100
    for name in ("forest", "curves"):
        assert (small / f"report/figures/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (small / f"report/figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    assert not list(small.rglob(".*"))  # no temporary file is left
    main_table = pd.read_csv(small / "report/tables/main.csv").set_index("arm")
    assert main_table.loc["full", "mean"] == pytest.approx(0.97)
    assert pd.isna(main_table.loc["no_init", "mean"])
    assert pd.read_parquet(small / "report/tables/trials.parquet")["id"].str.len().eq(12).all()


def test_the_page_holds_what_it_shows_and_asks_no_one(small):
    text = (small / "report/index.html").read_text(encoding="utf-8")
    for words in (
        "97.00 [94.52, 99.48]",
        "undecided",
        "Complete: all 12 trials have ended",
        "6214c6c",
        "2 CPU cores",
    ):
        assert words in text
    assert "&lt;b&gt;as given&lt;/b&gt;" in text  # the study file is shown, not rendered
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert "3 diverged" in text


def test_links_lead_to_files(small):
    text = (small / "report/index.html").read_text(encoding="utf-8")
    links = {link for link in re.findall(r'href="([^"#]+)"', text) if not link.startswith("data:")}
    assert {"../trials.csv", "../epochs.csv", "tables/main.csv", "figures/forest.pdf"} <= links
    assert all((small / "report" / link).exists() for link in links)


def test_names_with_special_characters(tmp_path):
    name = 'a<b> & "c" $x_1$ | _d%'
    rows = [replicate("full", s, 0.9) for s in (1, 2)] + [replicate(name, s, 0.8) for s in (1, 2)]
    folder = write_study(
        tmp_path / "odd",
        rows,
        [arm("full", "reference"), arm(name, factors=["f"])],
        factors={"f": {}},
    )
    text = page_of(folder)
    assert "a&lt;b&gt; &amp; &#34;c&#34;" in text
    assert "<b>" not in text
    assert "\\|" in (folder / "report/tables/main.md").read_text()


def loaded_by(statement, names):
    """Which of these packages a statement imports."""
    script = f"import sys; {statement}; print(sorted({names} & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_importing_is_light():
    assert loaded_by("import reports", {"pandas", "matplotlib", "scipy", "torch"}) == "[]\n"


def test_reports_need_neither_torch_nor_ray():
    assert loaded_by("import reports.page.page", {"torch", "ray", "optuna"}) == "[]\n"
