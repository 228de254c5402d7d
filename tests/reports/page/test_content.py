"""What the page's template is filled with."""

from dataclasses import replace

from reports.analysis.collect import read_study
from reports.page import content
from tests.reports.synthetic import arm, replicate, small_study, write_study


def test_the_environment_as_lines_of_which_long_ones_stay_in_the_file():
    found = content.lines(
        {
            "python": "3.11.2",
            "memory_gb": 16,
            "packages": {"torch": "2.14.1"},
            "command": ["run_study.py", "--space", "x.yaml"],
            "freeze": ["a==1", "b==2"],
            "uncommitted_changes": "one\ntwo",
            "earlier": [{"python": "3.10"}],
        }
    )
    assert found == [
        ("python", "3.11.2"),
        ("memory_gb", "16"),
        ("packages.torch", "2.14.1"),
        ("command", "run_study.py --space x.yaml"),
        ("freeze", "2 packages: see environment.json"),
        ("uncommitted_changes", "2 lines: see environment.json"),
        ("earlier surroundings", "1: see environment.json"),
    ]


def test_a_trial_leads_to_its_folder_where_there_is_one(tmp_path):
    rows = [replicate("full", 1, 0.9), replicate("full", 2, None)]
    folder = write_study(tmp_path / "s", rows, [arm("full", "reference")])
    (folder / "trials" / rows[0]["id"]).mkdir(parents=True)
    first, second = content.trial_rows(read_study(folder), folder / "report")
    assert (first.link, second.link) == (f"../trials/{rows[0]['id']}", None)
    assert first.cells["test/accuracy"] == 0.9
    assert (first.cells["reason"], second.cells["test/accuracy"]) == (None, None)


def test_a_large_studys_page_has_its_first_trials(tmp_path):
    study = read_study(small_study(tmp_path / "s"))
    many = replace(study, trials=study.trials.loc[study.trials.index.repeat(100)])
    assert len(content.trial_rows(many, tmp_path)) == content.MOST_ROWS == 1000


def test_the_references_whole_configuration_is_on_the_page(tmp_path):
    folder = small_study(tmp_path / "s")
    assert content.bases(read_study(folder)) == {}
    (folder / "base.yaml").write_text("seed: 0\n")
    assert content.bases(read_study(folder)) == {"s": "seed: 0\n"}
