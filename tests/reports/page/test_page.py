"""The page and the files beside it, from folders in every condition that a study can be left in."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic import arm, replicate, search, small_study, write_study

import reports
from reports.__main__ import main
from reports.analysis.collect import StudyError
from reports.page.page import write_report
from reports.tables.text import main_table_text

LIGHT = ("html", "csv", "md")


def page_of(folder, **options):
    return write_report(folder, formats=LIGHT, **options).read_text(encoding="utf-8")


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


def test_a_study_that_has_just_begun(tmp_path):
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "study.yaml").write_text("name: begun\n")
    assert "No trial has been planned or run yet" in page_of(folder)
    assert "begun" in main_table_text(folder)


def test_a_study_of_planned_trials_only(tmp_path):
    rows = [
        {"id": f"{k:012x}", "arm": "full", "kind": "replicate", "seed": k, "state": "planned"}
        for k in range(3)
    ]
    text = page_of(write_study(tmp_path / "planned", rows, [arm("full", "reference")]))
    assert "0 of 3 trials; not complete" in text
    assert "1 of 1 arms has no result; 3 planned." in text


def test_a_running_study_shows_what_there_is(tmp_path):
    rows = [
        search("full", 0, 0.9),
        {**search("full", 1, 0.5), "state": "running"},
        replicate("full", 1, 0.91),
    ]
    rows.append(
        {
            "id": "f" * 12,
            "arm": "full",
            "kind": "replicate",
            "seed": 2,
            "state": "interrupted",
            "reason": "killed",
        }
    )
    text = page_of(
        write_study(tmp_path / "running", rows, [arm("full", "reference"), arm("bn", "baseline")])
    )
    assert "2 of 8 trials; not complete" in text
    assert "1 of 2 arms has no result" in text
    assert "91.00" in text
    assert "1 of 3" in text


def test_failures_are_named(tmp_path):
    rows = [
        replicate("full", 1, 0.9),
        {**replicate("full", 2, None), "state": "failed", "reason": "RuntimeError: <tag> & more"},
    ]
    text = page_of(write_study(tmp_path / "failed", rows, [arm("full", "reference")], seeds=2))
    assert "Complete, but 1 of 2 trials failed" in text
    assert "RuntimeError: &lt;tag&gt; &amp; more" in text


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


def test_the_table_in_a_terminal(tmp_path):
    text = main_table_text(small_study(tmp_path / "small"))
    assert re.search(
        r"full\s+3\s+3 of 3\s+97.00 \[94.52, 99.48\]\s+–\s+\+2.00 \[−3.73, \+7.73\] undecided"
        r"\s+3 completed",
        text,
    )
    assert re.search(r"no_init\s+0 of 3\s+0 of 3\s+–\s+–\s+–\s+3 diverged", text)


def test_importing_is_light():
    script = (
        "import sys, reports; heavy = {'pandas', 'matplotlib', 'scipy', 'torch'};"
        "print(heavy & {name.split('.')[0] for name in sys.modules})"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )


def test_reports_need_neither_torch_nor_ray():
    script = (
        "import sys, reports.page.page; heavy = {'torch', 'ray', 'optuna'};"
        "print(heavy & {name.split('.')[0] for name in sys.modules})"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )


def test_frames_for_a_notebook(tmp_path):
    trials, epochs = reports.load(small_study(tmp_path / "small"))
    assert len(trials) == 12
    assert set(epochs["id"]) <= set(trials["id"])
    assert trials["test/accuracy"].dtype == float


def test_ids_that_look_like_numbers_stay_text(tmp_path):
    rows = [
        replicate("full", 1, 0.9) | {"id": "12e456789012"},
        replicate("full", 2, 0.9) | {"id": "000000000012"},
    ]
    trials, _ = reports.load(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert list(trials["id"]) == ["12e456789012", "000000000012"]


def test_several_studies_are_joined(tmp_path):
    one = small_study(tmp_path / "one")
    two = write_study(
        tmp_path / "two",
        [replicate("full", 1000, 0.5), replicate("gn", 1000, 0.93)],
        [arm("full"), arm("gn", "baseline")],
    )
    trials, epochs = reports.load([one, two])
    assert set(trials["arm"]) == {"full (one)", "full (two)", "no_ste", "no_init", "bn", "gn"}
    assert not epochs.duplicated(["id", "epoch"]).any()
    page = write_report([one, two], formats=LIGHT)
    assert page == one / "report-with-two" / "index.html"
    assert "full (two)" in page.read_text()
    with pytest.raises(StudyError, match="same name"):
        reports.load([one, one])


def test_the_command_line(tmp_path):
    folder = small_study(tmp_path / "small")
    done = CliRunner().invoke(
        main,
        [str(folder), "--formats", "md", "--baseline", "no_ste", "--at", "best", "--alpha", "0.1"],
    )
    assert done.exit_code == 0, done.output
    assert done.output.strip().endswith(str(folder / "report"))
    assert "− no_ste" in done.output
    assert "97.20" in done.output  # at the best validation epoch
    assert not (folder / "report/tables/main.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}/nowhere"], "no such folder"),
        (["{folder}/empty"], "not a study's folder"),
        (["{folder}/small", "--baseline", "ban"], "did you mean 'bn'?"),
        (["{folder}/small", "--formats", "docx"], "no such format docx"),
        (["{folder}/broken"], "plan.json: not readable"),
    ],
)
def test_input_that_cannot_be_used_is_one_line_and_exit_code_2(tmp_path, arguments, words):
    small_study(tmp_path / "small")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/plan.json").write_text(json.dumps({"study": "x"})[:-3])
    done = CliRunner().invoke(main, [word.replace("{folder}", str(tmp_path)) for word in arguments])
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_tables_and_figures_for_a_notebook(tmp_path):
    folder = small_study(tmp_path / "small")
    assert reports.tables(folder)["main"].set_index("arm").loc["full", "mean"] == pytest.approx(
        0.97
    )
    figure = reports.figure(folder, "forest", width=3.3)
    assert figure.get_figwidth() == 3.3
    with pytest.raises(StudyError, match="no figure 'forrest'; there are forest, curves"):
        reports.figure(folder, "forrest")


def test_what_an_arm_overrides_stands_in_the_frames(tmp_path):
    arms = [arm("full", "reference"), arm("no_ste", factors=["ste"])]
    arms[1]["overrides"] = {"circuit.prop.straight_through": False}
    rows = [replicate("full", 1, 0.9), replicate("no_ste", 1, 0.8)]
    trials, _ = reports.load(write_study(tmp_path / "s", rows, arms))
    column = trials.set_index("arm")["override/circuit.prop.straight_through"]
    assert column["no_ste"] is False or column["no_ste"] == False  # noqa: E712
    assert pd.isna(column["full"])


def test_the_plotting_backend_stays_as_it_was(tmp_path):
    folder = small_study(tmp_path / "small")
    script = (
        "import matplotlib; matplotlib.use('svg'); import reports;"
        "before = dict(matplotlib.rcParams);"
        f"reports.figure({str(folder)!r}, 'forest');"
        "assert matplotlib.get_backend() == 'svg'; assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_results_that_cannot_be_written(tmp_path):
    folder = small_study(tmp_path / "small")
    (folder / "report").write_text("a file in the way")
    done = CliRunner().invoke(main, [str(folder), "--formats", "html"])
    assert done.exit_code == 2
    assert "--out FOLDER writes elsewhere" in done.stderr
    out = tmp_path / "elsewhere"
    done = CliRunner().invoke(main, [str(folder), "--formats", "html", "--out", str(out)])
    assert done.exit_code == 0
    assert (out / "index.html").exists()
