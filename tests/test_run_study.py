"""The command line: exit codes, messages, and a whole study with real Ray and real training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from study import store
from tests.tiny import STUDY, command, write

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return write(tmp_path, STUDY)


def test_help_imports_nothing_that_takes_seconds() -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "run_study.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--dry-run" in result.stdout
    code = (
        "import run_study, sys; print([m for m in ('torch', 'ray', 'optuna', 'pandas') if m in"
        " sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_input_errors_exit_2_with_file_and_key(space: Path, tmp_path: Path) -> None:
    assert command() == (
        2,
        "give one of --space STUDY.yaml and --resume results/STUDY; see --help\n",
    )
    assert command("--space", tmp_path / "no.yaml") == (
        2,
        f"{tmp_path}/no.yaml: no such file or directory; give the path of a study file\n",
    )
    assert command("--space", space, "--set", "serch.trials=1")[1].endswith(
        "serch: unknown key; did you mean 'search'?\n"
    )
    assert command("--space", space, "--set", "search.trials")[0] == 2
    assert command("--space", space, "--name", "../up")[0] == 2
    assert command("--resume", tmp_path)[0] == 2
    assert command("--space", space, "--max-concurrent", "0")[0] == 2
    (space.parent / "latin.yaml").write_bytes(b"name: \xe9\n")
    assert "must be UTF-8 text" in command("--space", space.parent / "latin.yaml")[1]
    assert not (tmp_path / "results").exists()


def test_a_folder_that_is_not_a_study_is_left_alone(space: Path, tmp_path: Path) -> None:
    (tmp_path / "results" / "cli").mkdir(parents=True)
    (tmp_path / "results" / "cli" / "thesis.tex").write_text("dear")
    code, output = command("--space", space, "--results", tmp_path / "results", "--fresh")
    assert (code, "is not empty and not a study's folder" in output) == (2, True)
    assert [path.name for path in (tmp_path / "results" / "cli").iterdir()] == ["thesis.tex"]


def test_the_dry_run_says_what_the_design_can_show(space: Path, tmp_path: Path) -> None:
    code, output = command("--space", space, "--dry-run", "--results", tmp_path / "results")
    assert code == 0
    assert "together: 8 trials, 16 epochs" in output
    assert "with 2 paired seeds a difference of" in output
    assert "+8 new  =0 kept  -0 retired" in output
    assert not (tmp_path / "results").exists()


def test_schema_is_printed() -> None:
    code, output = command("--schema")
    assert (code, '"ablation"' in output) == (0, True)


def run(*arguments: object, code: int = 0) -> str:
    """The command in a process of its own; its output."""
    line = [sys.executable, str(ROOT / "run_study.py"), *map(str, arguments)]
    result = subprocess.run(
        line, capture_output=True, text=True, check=False, cwd=ROOT, timeout=280
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_a_whole_study_with_ray(space: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    output = run("--space", space, "--results", results)
    folder = results / "cli"
    assert "[8/8]" in output
    assert str(folder / "report" / "index.html") in output
    assert (folder / "report" / "index.html").exists()
    trials, epochs = store.trials_frame(folder), store.epochs_frame(folder)
    assert (len(trials), set(trials["state"])) == (8, {"completed"})
    assert trials.groupby("arm")["seed"].agg(list).tolist() == [[0, 0, 1000, 1001]] * 2
    assert (trials["test/accuracy"].notna() == (trials["kind"] == "replicate")).all()
    joined = epochs.merge(trials[["id", "epochs"]].drop_duplicates(), on="id")
    assert (joined.groupby("id")["epoch"].max() == joined.groupby("id")["epochs"].first()).all()
    last = epochs[epochs["epoch"] == 2].set_index("id")["val/accuracy"]
    pd.testing.assert_series_equal(
        trials.set_index("id")["val/accuracy"].sort_index(), last.sort_index(), check_names=False
    )
    assert not list(folder.glob("trials/*/.*.tmp"))
    paths = {
        json.loads(path.read_text())["path"].split(":")[0]
        for path in folder.glob("trials/*/state.json")
    }
    assert paths == ({"kernel"} if ", C++ kernels" in output else {"plain"})
    checkpoints = {path.parent.name for path in folder.glob("trials/*/checkpoint.pt")}
    assert checkpoints == set(trials.loc[trials["kind"] == "replicate", "id"])

    moved = folder.rename(results / "moved")
    output = run("--resume", moved)
    assert "is complete: nothing to train" in output
    assert "+0 new  =8 kept  -0 retired" in output

    replicate = trials.loc[trials["kind"] == "replicate", "id"].iloc[0]
    assert "every number is equal" in run("--resume", moved, "--reproduce", replicate)

    output = run("--resume", moved, "--set", "overrides.data.split_seed=3", code=2)
    assert "the data or their split was" in output
    assert "--fresh" in output
