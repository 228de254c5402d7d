"""Whatever of a study's folder is damaged: it is noticed, named and set aside, and only its trial
is trained again."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from study import store
from study.worker import trial
from tests.study.orders import order_of

Tree = dict[str, Any]
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}
TRIALS = {
    "finished search": ("full", "search", 0, 1, 0),
    "finished replicate": ("full", "replicate", 0, 0, 0),
    "running": ("bn", "replicate", 0, 0, 0),
}
OF_TRIALS = [
    (f"{what}: {name}", what, name)
    for what in ("finished search", "finished replicate")
    for name in ("state.json", "history.csv")
]
OF_TRIALS += [
    (f"running: {name}", "running", name) for name in ("state.json", "history.csv", "checkpoint.pt")
]
OF_STUDY = (
    "plan.json",
    "command.json",
    "study.yaml",
    "environment.json",
    "clock.json",
    "optuna.db",
)
DERIVED = ("trials.csv", "epochs.csv", "owner.json")  # written anew by every run
CASES = [*OF_TRIALS, *((name, "", name) for name in (*OF_STUDY, *DERIVED))]
ASKED = 6  # trials


def of_another(path: Path, others: Path) -> bytes:
    """A whole file of the same kind that belongs to something else."""
    if path.name == "optuna.db":
        (others / "other.db").unlink(missing_ok=True)
        with sqlite3.connect(others / "other.db") as database:
            database.execute("CREATE TABLE songs (title TEXT)")
        return (others / "other.db").read_bytes()
    if path.name == "state.json":
        return json.dumps({**json.loads(path.read_text()), "id": "0123456789ab"}).encode()
    return {
        ".csv": b"a,b\n1,2\n",
        ".yaml": b"- a\n- b\n",
        ".json": b'{"a": 1}',
        ".pt": b"PK\3\4 of something else",
    }[path.suffix]


def rows_of(folder: Path) -> list[tuple[str, ...]]:
    with open(folder / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        tuple(
            row[name]
            for name in (
                "arm",
                "kind",
                "number",
                "id",
                "state",
                "epochs",
                "val/accuracy",
                "test/accuracy",
            )
        )
        for row in rows
    ]


@pytest.fixture
def interrupted(
    without_ray: Any, study_tree: Tree, killed: type[BaseException]
) -> tuple[Any, list[tuple[str, ...]]]:
    """A study that was killed while its last trial trained, and the rows that it should end
    with."""
    study_tree.update(ablation={}, replicate={"seeds": 1})
    whole = without_ray(study_tree, "undisturbed")
    _, folder = whole.run()
    study = without_ray(study_tree)
    study.killed_after = (
        5 * (ASKED - 1) + 1
    )  # five events a trial; of the last one, one epoch is on disk
    with pytest.raises(killed):
        study.run()
    study.killed_after = None
    return study, rows_of(folder)


@pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_the_damage_matrix(
    interrupted: tuple[Any, list[tuple[str, ...]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    whole: bool,
) -> None:
    """Every file with every damage, or with one of them in turn."""
    study, expected = interrupted
    folder = study.request.results / "tiny"
    ids = {
        what: next(row[3] for row in expected if row[:3] == (key[0], key[1], str(key[3])))
        for what, key in TRIALS.items()
    }
    assert (store.trial_folder(folder, ids["running"]) / "checkpoint.pt").exists()
    shutil.copytree(folder, tmp_path / "interrupted", dirs_exist_ok=True)
    matrix = []
    damages = (*DAMAGES, "foreign")
    for index, (case, what, name) in enumerate(CASES):
        home = store.trial_folder(folder, ids[what]) if what else folder
        for damage in damages if whole else [damages[index % 4]]:
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "interrupted", folder)
            path = home / name
            content = (
                of_another(path, tmp_path)
                if damage == "foreign"
                else DAMAGES[damage](path.read_bytes())
            )
            path.write_bytes(content)
            study.trained.clear()
            code, _ = study.run()
            output = capsys.readouterr().out
            assert (code, rows_of(folder)) == (0, expected), (case, damage, output)
            aside = path.with_name(f"{name}.damaged-1")
            if name not in DERIVED:
                assert aside.read_bytes() == content, (case, damage)
                assert str(aside) in output, (case, damage, output)
            again = (
                f"{len(study.trained) - 1} epochs of its trial again"
                if len(study.trained) > 1
                else "no epoch again"
            )
            touched = [ids["running"], ids[what]] if what else [ids["running"]]
            assert {identity for identity, _ in study.trained} <= set(touched), (case, damage)
            assert len(study.trained) == len(set(study.trained)) <= 2 * len(set(touched))
            matrix.append((case, damage, "set aside" if aside.exists() else "written anew", again))
    with capsys.disabled():
        print()
        print(
            "\n".join(
                f"{case:32} {damage:10} {what:12} {then}" for case, damage, what, then in matrix
            )
        )


# ---- a real checkpoint, met by the worker


class Code:
    """A pickle that would run a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.path}",))


def job_of(folder: Path, **changes: Any) -> store.Order:
    return order_of(folder, epochs=2, test=False, **changes)


def stopped_after_one(job: store.Order) -> Path:
    def stop(row: dict[str, Any]) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        trial.run(job, stop)
    return Path(job.folder) / "checkpoint.pt"


def numbers(state: store.Outcome) -> dict[str, float]:
    return {
        name: value
        for name, value in state.metrics.items()
        if name not in ("seconds", "seconds_per_epoch", "peak_memory_mb")
    }


def test_a_damaged_checkpoint_is_met_by_the_worker(tmp_path: Path) -> None:
    undisturbed = numbers(trial.run(job_of(tmp_path / "whole"), lambda row: None))
    job = job_of(tmp_path)
    checkpoint = stopped_after_one(job)
    good = checkpoint.read_bytes()
    assert (
        numbers(trial.run(job, lambda row: None)) == undisturbed
    )  # an undamaged one is gone on with
    other = stopped_after_one(job_of(tmp_path, seed=7)).read_bytes()
    torch.save(
        {"format": "eisnn-checkpoint-1", "config": job.config, "model": {}}, tmp_path / "half.pt"
    )
    flipped = (
        good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1 :]
    )
    evil = pickle.dumps(Code(tmp_path / "executed"))
    cases = {**{name: damage(good) for name, damage in DAMAGES.items()}, "one bit": flipped,
    "of another trial": other,
             "without weights": (tmp_path / "half.pt").read_bytes(), "code": evil}  # fmt: skip
    for number, (name, content) in enumerate(cases.items(), start=1):
        store.set_aside(Path(job.folder) / "state.json")
        checkpoint.write_bytes(content)
        state = trial.run(job, lambda row: None)
        aside = checkpoint.with_name(f"checkpoint.pt.damaged-{number}")
        assert (state.state, numbers(state)) == ("completed", undisturbed), name
        assert state.damaged == (str(aside),), name
        assert aside.read_bytes() == content, name
    assert not (tmp_path / "executed").exists()
