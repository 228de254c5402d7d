"""How far a study is."""

from reports.tables.text import main_table_text
from tests.reports.page.light import page_of
from tests.reports.synthetic import arm, replicate, search, write_study


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
