"""Users' own code: the examples of docs/extending.md with real Ray, what counts as the same trial,
and what each mistake is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner
from torch import nn

import run_study
from eisnn.checkpoints.weights import export_safetensors, load_network
from eisnn.config import code_digests, user_code
from eisnn.config.trial import load_config, make_config, resolved, trial_id
from eisnn.errors import CheckpointError
from eisnn.networks import build_model
from eisnn.training.fit import fit
from study import store

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "extending.md"
TINY = {
    "data": {"name": "digits", "train_size": 120, "test_size": 40, "validation_fraction": 0.2},
    "train": {"epochs": 2, "batch_size": 40},
}


def blocks() -> dict[str, str]:
    """File name -> content of the page's code blocks."""
    found = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in found] == [
        "my_nets.py",
        "my_snntorch.py",
        "my_spikingjelly.py",
        "my_layers.py",
        "my_data.py",
        "my_regression.py",
        "my_optimizers.py",
        "my_losses.py",
        "my_metrics.py",
        "my_study.yaml",
        "my_base.yaml",
        "my_probes.py",
    ]
    return dict(found)


@pytest.fixture(autouse=True)
def _as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules of the test's folder are forgotten after it."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    code_digests.digest.cache_clear()
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("my_", "their_")):
            del sys.modules[name]
    code_digests.digest.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in blocks().items():
        (tmp_path / name).write_text(text)
    return tmp_path


def forget(*modules: str) -> None:
    for name in modules:
        sys.modules.pop(name, None)
    code_digests.digest.cache_clear()


def run(space: Path, *arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(run_study.main, ["--space", str(space), *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("name", [name for name in blocks() if name.endswith(".py")])
def test_each_is_under_30_lines(name: str) -> None:
    assert len(blocks()[name].strip().splitlines()) < 30


@pytest.mark.timeout(900)  # a busy machine
def test_the_page_runs_as_a_study_with_ray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        sys.executable,
        str(ROOT / "run_study.py"),
        "--space",
        str(folder / "my_study.yaml"),
        "--results",
        str(folder / "results"),
    ]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"runs your code: model.factory: my_nets:build ({folder}/my_nets.py)" in ran.stdout
    study = folder / "results" / "my_parts"
    trials = store.trials_frame(study)
    assert (len(trials), set(trials["state"]), set(trials["arm"])) == (
        12,
        {"completed"},
        {"full", "layer", "network"},
    )
    replicates = trials["kind"] == "replicate"
    assert trials.loc[replicates, "test/overconfidence"].notna().all()
    assert trials["val/overconfidence"].notna().all()
    searched = trials.dropna(subset=["model.options.cells"])
    assert set(searched["arm"]) == {"network", "layer"}
    own = trials["arm"] == "network"
    assert trials.loc[own, ["firing_rate", "energy_nj", "macs"]].isna().all().all()
    assert trials.loc[~own, "firing_rate"].notna().all()
    assert trials.loc[trials["arm"] == "full", "energy_nj"].notna().all()
    replicate = trials.loc[own & (trials["kind"] == "replicate"), "id"].iloc[0]
    measured = pd.read_csv(study / "trials" / replicate / "diagnostics.csv")
    assert {"own/confidence", "own/overconfidence", "grad_norm/weight"} <= set(measured["quantity"])
    assert "own/confidence" in (study / "report" / "index.html").read_text()
    config = yaml.safe_load((study / "trials" / replicate / "config.yaml").read_text())
    assert set(config["code"]) == {"my_nets", "my_data"}

    monkeypatch.chdir(study)  # the folder of the study file travels with the study
    again = CliRunner().invoke(run_study.main, ["--resume", str(study), "--reproduce", replicate])
    assert "every number is equal" in again.output, again.output


# ---- optimisers, losses, metrics, targets that are numbers ----


TRAINED = {
    "optimizer": {
        "optimizer": "my_optimizers:SignSGD",
        "optimizer_options": {"decay": 0.5},
        "learning_rate": 0.002,
    },
    "loss": {"loss": "my_losses:focal", "loss_options": {"gamma": 1.0}, "learning_rate": 0.05},
}


@pytest.mark.parametrize("name", TRAINED)
def test_an_optimiser_and_a_loss_train_and_resume_bit_for_bit(
    folder: Path, tmp_path: Path, name: str
) -> None:
    user_code.look_in([folder])
    train: dict[str, Any] = {**TINY["train"], "epochs": 3, **TRAINED[name]}
    model = {"arch": "MLP", "layers": 4, "width": 0.1, "T": 2}
    config = make_config({**TINY, "model": model, "train": train})
    assert list(config.code) == [train[name].partition(":")[0]]
    metrics = {"own": "my_metrics:overconfidence", "top5": "top5_accuracy"}
    whole = fit(config, device="cpu", test=True, metrics=metrics)
    assert whole["val/accuracy"] > 0.15
    assert -1 < whole["test/own"] < 1
    checkpoint = tmp_path / "checkpoint.pt"

    def stop(metrics: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, device="cpu", checkpoint_to=checkpoint, report=stop)
    resumed = fit(config, device="cpu", test=True, resume_from=checkpoint)
    assert resumed["test/loss"] == whole["test/loss"]


def test_targets_that_are_numbers_have_a_loss_and_no_accuracy(folder: Path) -> None:
    user_code.look_in([folder])
    tree = {
        "model": {"arch": "MLP", "layers": 4, "width": 0.1, "T": 2},
        "data": {"name": "my_regression:load", "validation_fraction": 0.2},
        "train": {"epochs": 8, "batch_size": 40, "learning_rate": 0.05, "loss": "mse"},
    }
    seen: list[dict[str, float]] = []
    final = fit(
        make_config(tree),
        device="cpu",
        test=True,
        report=seen.append,
        diagnose="scalars",
        diagnose_to=folder,
    )
    assert not any("accuracy" in name for name in final)
    assert final["val/loss"] < seen[0]["val/loss"]
    assert final["test/loss"] > 0
    tree["train"]["loss"] = "cross_entropy"
    with pytest.raises(ValueError, match=r"train\.loss: must be mse or your own"):
        fit(make_config(tree), device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.optimizer=my_losses:focal", "train.optimizer: my_losses:focal: raised TypeError"),
        ("train.loss=my_metrics:nothing", "my_metrics.py has no function or class 'nothing'"),
        ("train.loss=my_probes:confidence", "train.loss: my_probes:confidence: raised TypeError"),
    ],
)
def test_an_optimiser_or_a_loss_is_tried_before_anything_starts(
    folder: Path, change: str, message: str
) -> None:
    code, output = run(folder / "my_study.yaml", "--dry-run", "--set", f"overrides.{change}")
    assert (code, message in output) == (2, True), output


# ---- the same trial


def test_ids_without_own_code_are_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of before users' code could be named."""
    monkeypatch.setattr("eisnn.config.trial.NUMERICS_VERSION", 1)
    assert trial_id(make_config({})) == "864cc5bb6e52"
    assert trial_id(load_config(ROOT / "configs/BN-SNN/Digits-MLP8.yaml")) == "63e6644a80d6"
    assert not {"factory", "options"} & set(resolved(make_config({}))["model"])


def test_edited_code_is_another_trial(folder: Path) -> None:
    user_code.look_in([folder])
    tree = {**TINY, "model": {"factory": "my_nets:build"}}

    def identity() -> str:
        forget("my_nets")
        return trial_id(make_config(tree))

    first = identity()
    assert identity() == first
    (folder / "my_helper.py").write_text("x = 1\n")
    (folder / "my_nets.py").write_text("import my_helper\n" + blocks()["my_nets.py"])
    second = identity()
    (folder / "my_helper.py").write_text("x = 2\n")
    third = identity()
    assert len({first, second, third}) == 3
    (folder / "my_stranger.py").write_text("y = 1\n")
    assert identity() == third


def test_code_edited_after_the_plan_is_not_trained(folder: Path) -> None:
    user_code.look_in([folder])
    config = make_config({**TINY, "model": {"factory": "my_nets:build"}})
    forget("my_nets")
    with (folder / "my_nets.py").open("a") as file:
        file.write("# edited\n")
    with pytest.raises(
        user_code.UserCodeError, match=r"my_nets\.py: has changed since this trial was planned"
    ):
        fit(config, device="cpu")


def test_only_the_arms_that_use_edited_code_are_new(folder: Path) -> None:
    from study.request import from_file

    def ids() -> dict[str, str]:
        forget("my_nets", "my_layers", "my_data", "my_probes")
        plan = from_file(folder / "my_study.yaml").plan()
        return {arm.name: trial_id(arm.config({}, 0)) for arm in plan.arms}

    before = ids()
    with (folder / "my_nets.py").open("a") as file:
        file.write("# edited\n")
    after = ids()
    assert [name for name in before if before[name] != after[name]] == ["network"]


def test_a_run_that_is_resumed_equals_one_that_was_not(folder: Path, tmp_path: Path) -> None:
    """Weights and dropout depend on the seed alone."""
    user_code.look_in([folder])
    config = make_config({**TINY, "model": {"factory": "my_nets:build"}, "seed": 3})
    whole = fit(config, device="cpu", test=True)
    checkpoint = tmp_path / "checkpoint.pt"

    def stop(metrics: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, device="cpu", checkpoint_to=checkpoint, report=stop)
    torch.manual_seed(123)  # whatever else drew numbers
    resumed = fit(config, device="cpu", test=True, resume_from=checkpoint)
    timed = ("seconds", "seconds_per_epoch", "peak_memory_mb")
    assert {key: value for key, value in whole.items() if key not in timed} == {
        key: resumed[key] for key in whole if key not in timed
    }
    assert (
        fit(config.model_copy(update={"seed": 4}), device="cpu")["train/loss"]
        != whole["train/loss"]
    )


# ---- what is left out, and what is kept


def test_circuits_of_ours_in_a_network_of_theirs_are_ours(tmp_path: Path) -> None:
    (tmp_path / "their_mix.py").write_text(
        "from torch import nn\nfrom eisnn.networks.families import Layers\nfrom"
        " eisnn.networks.network import Chain, repeat_over_time\nclass Mix(nn.Module):\n    def"
        " __init__(self, config, inputs, classes):\n        super().__init__()\n        make ="
        " Layers(config)\n        self.T, self.body = config.model.T, Chain([nn.Flatten(),"
        " make.block(inputs, 24, 'one')])\n        self.read_out = make.output(24, classes)\n   "
        " def forward(self, x):\n        return self.read_out(self.body(x, True)).unflatten(0,"
        " (self.T, -1)).mean(0)\ndef build(config, shape, classes):\n    return Mix(config,"
        " shape[1] * shape[2], classes)\n"
    )
    user_code.look_in([tmp_path])
    config = make_config({**TINY, "model": {"factory": "their_mix:build", "norm": "ei", "T": 2}})
    final = fit(config, device="cpu", diagnose="scalars", diagnose_to=tmp_path)
    assert 0 < final["firing_rate"] < 1
    measured = pd.read_csv(tmp_path / "diagnostics.csv")
    assert {"clamped_fraction/W_EE", "ei_ratio_current", "rate"} <= set(
        measured.loc[measured["layer"] == "one", "quantity"]
    )
    assert "energy_nj" not in final


def test_a_saved_network_runs_no_code_unasked(folder: Path) -> None:
    user_code.look_in([folder])
    config = make_config(
        {**TINY, "model": {"factory": "my_nets:build", "input_shape": [1, 8, 8], "classes": 10}}
    )
    export_safetensors(build_model(config), folder / "weights.safetensors")
    with pytest.raises(
        CheckpointError, match=r"names code that is not ours \(my_nets\); if you trust it"
    ):
        load_network(folder / "weights.safetensors")
    assert isinstance(
        load_network(folder / "weights.safetensors", config).get_submodule("net.1"), nn.Linear
    )


def test_one_run_finds_code_beside_its_config(folder: Path, tmp_path: Path) -> None:
    (folder / "one.yaml").write_text(
        yaml.safe_dump({**TINY, "model": {"factory": "my_nets:build"}})
    )
    command = [
        sys.executable,
        "-m",
        "eisnn",
        "--scratch",
        str(folder / "one.yaml"),
        "--output",
        str(tmp_path / "run"),
        "--threads",
        "1",
    ]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ},
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("runs your code: model.factory: my_nets:build (")
    assert "rate" not in ran.stdout.splitlines()[2]


# ---- mistakes

GOOD = "    return nn.Linear(64, classes)\n"


def network(body: str) -> str:
    return f"import torch\nfrom torch import nn\ndef build(config, shape, classes):\n{body}"


@pytest.mark.parametrize(
    ("factory", "source", "message"),
    [
        ("their_absent:build", "",
        "model.factory: their_absent:build: there is no module 'their_absent': it must be installed, or lie in"),  # noqa: E501
        ("their_package.net:build", "", "there is no module 'their_package.net'"),
        ("their_net:biuld", network(GOOD),
        "their_net.py has no function or class 'biuld'; did you mean 'build'?"),
        ("their_net:build", "import nothing_like_this\n",
         "importing {file} raised ModuleNotFoundError: No module named 'nothing_like_this' ({file}, line 1)"),  # noqa: E501
        ("their_net:build", "def build(:\n", "raised SyntaxError: invalid syntax ({file}, line 1)"),
        ("their_net:build", network("    return nn.Linear(64, 'x')\n"),
        "model.factory: their_net:build: raised TypeError: "),
        ("their_net:build", network("    return 3\n"), "must return a torch.nn.Module, given int"),
        ("their_net:build", network("    return nn.Flatten()\n"),
        "must return a network with parameters to train, given none"),
        ("their_net:build", network("    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))\n"),
         "for input (2, 1, 8, 8) the network must return logits of shape (2, 10) (images, classes), given shape (2, 7)"),  # noqa: E501
        ("their_net:build",
        network("    return nn.Sequential(nn.Flatten(), nn.Linear(5, classes))\n"),
         "given x [2, 1, 8, 8], the network raised RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x64 and 5x10)"),  # noqa: E501
        ("their_net", network(GOOD),
        "model.factory: must be module:attribute, such as my_module:build, given 'their_net'"),
        ("their_net:build",
        network("    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))\n"),
        "whose parameters have shapes"),
    ],
)  # fmt: skip
def test_each_mistake_is_said_before_anything_starts(
    tmp_path: Path, factory: str, source: str, message: str
) -> None:
    (tmp_path / "their_net.py").write_text(source)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**TINY, "model": {"factory": factory}}))
    (tmp_path / "study.yaml").write_text(
        yaml.safe_dump({"name": "wrong", "base": "base.yaml", "replicate": {"seeds": 2}})
    )
    code, output = run(tmp_path / "study.yaml", "--results", tmp_path / "results")
    assert code == 2
    assert message.replace("{file}", str(tmp_path / "their_net.py")) in output
    assert len(output.splitlines()) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "images = images / 255",
            "data.name: their_data:load: images must be a uint8 array [N, C, H, W]",
        ),
        (
            "labels = labels.astype(np.int32)",
            "labels must be an int64 array [400] of classes from 0 on, given int32 [400]",
        ),
        ("images = images[:, 0, 0, 0]", "or of events [N, T, C, H, W], given uint8 [400]"),
        (
            "test_fraction = 0.0",
            "give test_images and test_labels, or a test_fraction between 0 and 1",
        ),
        ("Source = dict", "must return an eisnn.Source, given dict"),
    ],
)
def test_a_dataset_that_is_none(folder: Path, change: str, message: str) -> None:
    text = (
        blocks()["my_data.py"]
        .replace("test_fraction=0.25", "test_fraction=test_fraction")
        .replace("Source(", "make(", 1)
    )
    change = change.replace("Source = dict", "make = lambda images, labels, **k: dict(k)")
    body = (
        "    images, make, test_fraction = images.astype(np.uint8), Source, 0.25\n    "
        + change
        + "\n    return"
    )
    text = text.replace("images.astype(np.uint8), labels", "images, labels").replace(
        "    return", body
    )
    (folder / "their_data.py").write_text(text)
    (folder / "my_base.yaml").write_text(blocks()["my_base.yaml"].replace("my_data", "their_data"))
    code, output = run(folder / "my_study.yaml", "--dry-run")
    assert (code, message in output) == (2, True), output


def test_options_are_paths_of_a_study(folder: Path) -> None:
    code, output = run(folder / "my_study.yaml", "--dry-run")
    assert code == 0
    assert "without model.options.cells: this network (model.norm: ei) has no such part" in output
    assert output.count("runs your code: ") == 5
    cases: list[tuple[str, str]] = [
        ("overrides.model.options.cells.more=1", "no such path in a training config"),
        ("overrides.code=1", "overrides.code: is written by the program"),
        ("diagnostics=my_probes:nothing", "my_probes.py has no function or class 'nothing'"),
        (
            "diagnostics=scalar",
            (
                "diagnostics: must be 'off', 'scalars', 'distributions', or your own"
                " module:attribute, given 'scalar'"
            ),
        ),
    ]

    def refused(change: str) -> tuple[int, str]:
        return run(folder / "my_study.yaml", "--dry-run", "--set", change)

    for change, message in cases:
        code, output = refused(change)
        assert (code, message in output) == (2, True), output
