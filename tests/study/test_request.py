"""What a command line asks for: a file, a folder as it is, or a smaller study of the same arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.request import from_file, from_folder

Tree = dict[str, Any]
Write = Callable[[Tree], Path]


@pytest.fixture
def finished(without_ray: Callable[..., Any], study_tree: Tree) -> Path:
    _, folder = without_ray(study_tree).run()
    return Path(folder)


def test_sets_and_a_name_are_put_over_the_file(write: Write, study_tree: Tree) -> None:
    plan = from_file(write(study_tree), sets={"search.trials": 7}, name="other").plan()
    assert plan.spec.name == "other"
    assert plan.search_trials(plan.reference) == 7


def test_a_smoke_test_is_the_same_arms_made_small(write: Write, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 40, "repeats": 5, "pruner": {"type": "asha"}}
    study_tree["replicate"] = {"seeds": 5, "most": 20, "until": "decided"}
    request = from_file(write(study_tree))
    plan, small = request.plan(), replace(request, smoke=True).plan()
    assert [arm.name for arm in small.arms] == [arm.name for arm in plan.arms]
    assert small.spec.name == "tiny_smoke"  # and so it has a folder of its own
    assert (small.search_trials(small.reference), small.repeats, len(small.seeds)) == (2, 2, 2)
    assert (small.most_repeats, small.spec.replicate.largest) == (2, 2)
    config = small.reference.config({}, 0)
    assert (config.train.epochs, config.data.train_size, config.data.test_size) == (2, 256, 128)


def test_a_folder_asks_for_what_its_command_asked_for(finished: Path, tmp_path: Path) -> None:
    """Without the file and the base config that the command was given."""
    for path in tmp_path.glob("*.yaml"):
        path.unlink()
    plan = from_folder(finished, {"replicate.seeds": 3}).plan()
    assert [arm.name for arm in plan.arms] == ["full", "no_straight_through", "bn"]
    assert len(plan.seeds) == 3
    assert plan.reference.config({}, 0).model.width == 0.05  # of the base config's copy


def test_a_study_file_that_was_edited_in_the_folder_is_refused(finished: Path) -> None:
    file = finished / "study.yaml"
    file.write_text(file.read_text() + "\nmax_failed: 0.25\n")
    with pytest.raises(ConfigError, match="was damaged or edited since the last run wrote it"):
        from_folder(finished, {})


def test_a_folder_that_is_no_study_is_refused(finished: Path, tmp_path: Path) -> None:
    (finished / "command.json").write_bytes(b"\0" * 100)
    for folder in (finished, tmp_path / "none"):
        with pytest.raises(ConfigError, match=r"is not a study's folder .*; use --space instead"):
            from_folder(folder, {})
