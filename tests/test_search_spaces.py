"""Every study file that ships says what it asks and costs, and can be planned.

The CPU-sized ones run from start to report (slow).
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch  # noqa: F401  (else each plan below would try its networks in a process of its own)

from study import user_code
from study.dry_run import dry_run
from study.request import from_file

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "search_spaces").glob("*.yaml"))
DIGITS = ("ei_ablation", "twins")  # need no data but what a package brings
CPU = [path for path in FILES if path.stem.startswith("fashion_mnist_") or path.stem in DIGITS]
QUESTIONS = (
    "baselines", "batch_size", "claims_of_the_paper", "dale", "depth", "ei_ratio",
    "gradient_scaling", "inference_steps", "inhibition", "init_by_prop", "longer_training",
    "optimizer", "rivals", "robustness", "stabiliser", "surrogate_and_tau", "time_steps",
    "weight_distribution",
)  # fmt: skip
PAPER = ("paper_cifar10", "paper_cifar100", "paper_tinyimagenet", "paper_dvs", "paper_dvs_gesture")
DATA = {
    "fashion_mnist": "fashion_mnist",
    "paper_tinyimagenet": "tiny_imagenet",
    "paper_dvs_gesture": "dvs_gesture",
    "paper_dvs": "cifar10_dvs",
}


def name(path):
    return path.stem


def test_every_question_has_its_file_and_its_cpu_sibling():
    expected = {*QUESTIONS, *PAPER, *(f"fashion_mnist_{question}" for question in QUESTIONS)}
    expected |= {*DIGITS, "fashion_mnist_ei_ablation", "cifar10_ei_ablation"}
    assert {path.stem for path in FILES} == expected


@pytest.mark.parametrize("path", FILES, ids=name)
def test_says_what_it_asks_and_can_be_planned(path, tmp_path):
    """The head gives question, design, cost and reading; all arms exist and see the same data."""
    text = path.read_text(encoding="utf-8")
    head = text.split("\nname: ")[0]
    assert all(
        re.search(rf"^# {word} +\S", head, re.MULTILINE)
        for word in ("Question", "Design", "Cost", "Reading")
    )
    assert ("GPU" in head) or path in CPU
    plan = from_file(path).plan()
    assert plan.spec.name == path.stem
    data = next((value for start, value in DATA.items() if path.stem.startswith(start)), None)
    if data is None:
        data = (
            "digits"
            if path.stem in DIGITS
            else "cifar100"
            if path.stem.endswith("100")
            else "cifar10"
        )
    assert plan.reference.config({}, 0).data.name == data
    arms = re.search(r"(\d+) arms", head)
    assert arms is None or int(arms[1]) == len(plan.arms)
    assert f"{len(plan.seeds)} " in head.split("Design")[1]
    assert f"{len(plan.arms)} arms" in next(dry_run(plan, tmp_path))
    user_code.keep(plan, tmp_path)  # as the start does


@pytest.mark.parametrize("path", [path for path in FILES if path.stem in QUESTIONS], ids=name)
def test_siblings_ask_the_same_of_their_arms(path):
    """A full-size study and its CPU sibling differ in net, data and budget, not in what they
    compare."""
    full, small = (
        from_file(file).plan() for file in (path, path.with_stem(f"fashion_mnist_{path.stem}"))
    )
    assert list(full.spec.parameters) == list(small.spec.parameters)
    assert full.spec.ablation.factors == small.spec.ablation.factors
    if path.stem not in ("depth", "longer_training"):  # other sizes and lengths
        assert [arm.name for arm in full.arms] == [arm.name for arm in small.arms]


@pytest.mark.slow
@pytest.mark.parametrize("path", CPU, ids=name)
def test_smoke(path, tmp_path):
    command = [
        sys.executable,
        str(ROOT / "run_study.py"),
        "--space",
        str(path),
        "--smoke",
        "--results",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / f"{path.stem}_smoke" / "report" / "index.html").stat().st_size > 10_000
