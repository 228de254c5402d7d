"""Reads a study's folder into two tidy frames and the plan.

Anything may be missing: a study that has just begun has no trials.csv, and a crashed one may lack
rows. Missing files become empty frames with the right columns, so that later functions need no
special cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from reports.analysis.arm import GONE, Arm
from study import store

# The order in which reports show them.
_OTHERS = (state for state in store.State if state is not store.State.COMPLETED)
STATES = (store.State.COMPLETED, *_OTHERS)
UNFINISHED = tuple(state for state in store.State if not state.is_final)

WORDS = ("id", "arm", "kind", "state", "reason", "started", "finished")


class StudyError(ValueError):
    """There is no report on the user's input; the message is one line that says what to do."""


@dataclass(frozen=True)
class Study:
    """One study (or several joined) as found on disk.

    ``arms`` are plan.json's, in its order, then those that only trials.csv has.
    """

    name: str
    folders: tuple[Path, ...]
    trials: pd.DataFrame
    epochs: pd.DataFrame
    plan: dict[str, Any]
    arms: tuple[Arm, ...]
    environments: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # study files as given, by study
    budgets: dict[str, str] = field(
        default_factory=dict
    )  # how a budget ended a study before its plan was done, by study
    # What slow functions have computed from the rest, by their own keys; see `trials_of`.
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def arm_names(self) -> list[str]:
        return [arm.name for arm in self.arms]

    def of_role(self, role: str) -> str | None:
        """Returns the arm that plan.json names as ``reference`` or ``baseline``, or None."""
        name = self.plan.get(role)
        return name if name in self.arm_names else None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The comparisons that the study file plans, between existing arms."""
        return tuple(
            (one, other)
            for one, other in self.plan.get("pairs", ())
            if {one, other} <= set(self.arm_names)
        )

    @property
    def on_cpu(self) -> bool:
        """Whether every run of the study recorded a machine without a GPU."""
        found = [environment.get("gpus") for environment in self.environments.values()]
        return bool(found) and all(gpus == [] for gpus in found)

    @property
    def unfinished(self) -> int:
        return int(self.trials["state"].isin(UNFINISHED).sum())


def read_table(read: Callable[[Path], pd.DataFrame], folder: Path) -> pd.DataFrame:
    """Reads one of the store's tables; columns without any value become numbers (NaN)."""
    try:
        frame = read(folder)
    except (
        store.StoreError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
    ) as error:
        raise StudyError(f"{folder}: a table is not readable ({error}).") from None
    for column in frame.columns:
        if column not in WORDS and frame[column].isna().all():
            frame[column] = frame[column].astype("float64")
    return frame


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{path}: not readable ({error}); run the study again to have it rewritten."
        ) from None
    return content if isinstance(content, dict) else {}


def read_study(folder: str | Path) -> Study:
    """Reads one results/<study> folder.

    Raises:
        StudyError: it is not a study's folder, or a file is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(
            f"{folder}: no such folder; give a study's folder, such as results/ei_ablation."
        )
    if not any((folder / name).exists() for name in ("study.yaml", "plan.json", "trials.csv")):
        raise StudyError(
            f"{folder}: not a study's folder (no study.yaml, plan.json or trials.csv in it)."
        )
    plan = read_json(folder / "plan.json")
    name = str(plan.get("study", folder.resolve().name))
    trials = read_table(store.trials_frame, folder)
    epochs = read_table(store.epochs_frame, folder).sort_values(
        ["id", "epoch"], kind="stable", ignore_index=True
    )
    if "repeat" not in trials:
        trials["repeat"] = 0  # a folder from before searches could be repeated
    trials["repeat"] = trials["repeat"].fillna(0).astype(int)
    trials.insert(0, "study", name)
    epochs.insert(0, "study", name)
    files, budgets = {}, {}
    if (folder / "study.yaml").exists():
        text = (folder / "study.yaml").read_text(encoding="utf-8", errors="replace")
        files[name] = text
    if note := read_json(folder / "ending.json").get("budget"):
        budgets[name] = note
    return Study(
        name=name,
        folders=(folder,),
        trials=trials,
        epochs=epochs,
        plan=plan,
        arms=arms_of(plan, trials),
        environments={name: read_json(folder / "environment.json")},
        files=files,
        budgets=budgets,
    )


def arms_of(plan: dict[str, Any], trials: pd.DataFrame) -> tuple[Arm, ...]:
    """Returns the plan's arms, and those that only trials have."""
    arms = [Arm.from_json(record) for record in plan.get("arms", [])]
    known = {arm.name for arm in arms}
    for name in trials["arm"].dropna().unique():
        if name not in known:
            arms.append(Arm(str(name), GONE, factors=None))
    return tuple(arms)


def read_studies(folders: str | Path | Sequence[str | Path]) -> Study:
    """Reads one folder, or several as one study.

    An arm whose name occurs in several becomes ``arm (study)``; seeds still pair.
    """
    folders = [folders] if isinstance(folders, (str, Path)) else folders
    studies = [read_study(folder) for folder in folders]
    if not studies:
        raise StudyError("no study's folder was given.")
    if len(studies) == 1:
        return studies[0]
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        raise StudyError(
            f"two of the folders hold a study of the same name ({', '.join(names)});"
            " give each once."
        )
    _check_same_data(studies)
    everywhere = [name for study in studies for name in study.arm_names]
    twice = {name for name in everywhere if everywhere.count(name) > 1}
    return _joined(studies, twice)


def _check_same_data(studies: Sequence[Study]) -> None:
    """Raises StudyError unless the studies have the same data and split, so that seeds pair."""
    known = [study for study in studies if "data" in study.plan]
    for study in known[1:]:
        here, there, first = study.plan["data"], known[0].plan["data"], known[0]
        differing = [key for key in {**there, **here} if here.get(key) != there.get(key)]
        if differing:
            key = differing[0]
            raise StudyError(
                f"{study.folders[0]}: data.{key} is {here.get(key)}, but in"
                f" {first.folders[0]} it is {there.get(key)}; differences between them would mean"
                " nothing, so report them one by one."
            )


def _joined(studies: Sequence[Study], twice: set[str]) -> Study:
    """Joins studies; arms whose name is in ``twice`` get their study's name too."""

    def label(study: Study, arm: str) -> str:
        return f"{arm} ({study.name})" if arm in twice else arm

    frames, arms, pairs = [], [], []
    environments: dict[str, Any] = {}
    files: dict[str, str] = {}
    budgets: dict[str, str] = {}
    for study in studies:
        frames.append(study.trials.assign(arm=[label(study, arm) for arm in study.trials["arm"]]))
        arms += [replace(arm, name=label(study, arm.name)) for arm in study.arms]
        for one, other in study.plan.get("pairs", ()):
            pairs.append([label(study, one), label(study, other)])
        environments |= study.environments
        files |= study.files
        budgets |= study.budgets
    parameters: dict[str, Any] = {}
    for study in reversed(studies):  # the first study's definition of a parameter wins
        parameters |= study.plan.get("parameters", {})
    first = studies[0]
    roles = {
        role: label(first, first.plan[role])
        for role in ("reference", "baseline")
        if first.plan.get(role)
    }
    return Study(
        name=" + ".join(study.name for study in studies),
        folders=tuple(study.folders[0] for study in studies),
        trials=_stacked(frames),
        epochs=_stacked([study.epochs for study in studies]).drop_duplicates(
            ["id", "epoch"], ignore_index=True
        ),
        plan={**first.plan, **roles, "pairs": pairs, "parameters": parameters},
        arms=tuple(arms),
        environments=environments,
        files=files,
        budgets=budgets,
    )


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frames[0]
    return pd.concat(filled, ignore_index=True)
