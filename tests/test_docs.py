"""Every command that README.md and docs/ show: known here, its files and options there; and, where
a test machine can, run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {  # what is run by another test, or cannot be run here, and why
    "make study": (
        "every step of it is run by test_the_commands_of_the_readme; the whole, by hand, for a"
        " release"
    ),
    "make test": "runs this test",
    "pip install -e .": "tests/test_package.py installs the package",
    "python run_study.py --space ... --address HOST:PORT": "tests/study/execution/test_cluster.py",
    "optuna-dashboard sqlite:///results/ei_ablation/optuna.db": (
        "a server that does not end; another package"
    ),
    "python run_study.py --space my_study.yaml": "tests/test_extending.py",
}
CLUSTER = (
    "tests/study/execution/test_cluster.py starts such a cluster; "
    "these lines name machines that are not here"
)
PREFIXES = {"ray start": CLUSTER, "export RAY_": CLUSTER, "sbatch": "needs Slurm"}
RUN = {  # in this order, in one folder; with what makes it short
    "python run_study.py --space search_spaces/ei_ablation.yaml --dry-run": [],
    "python run_study.py --space search_spaces/ei_ablation.yaml": ["--smoke"],
    "python run_study.py --resume results/ei_ablation": [],
    "python run_study.py --space ... --set search.repeats=10": ["--smoke", "--dry-run"],
    "python -m reports results/ei_ablation": [],
    "python -m eisnn --scratch configs/EI-SNN/Digits-MLP8.yaml": ["--threads", "1"],
}


def commands(page: Path) -> list[str]:
    """The lines of the page's sh blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [
        " ".join(line.partition(" #")[0].split())
        for line in lines
        if line.strip() and not line.lstrip().startswith("#")
    ]


def tutorial() -> list[str]:
    return commands(ROOT / "docs" / "tutorial.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_is_run_somewhere(page: Path) -> None:
    known = {*ELSEWHERE, *RUN, *tutorial()}
    for command in commands(page):
        ours = "--address FIRST" in command or command.startswith(tuple(PREFIXES))
        assert command in known or ours, (
            f"{page.name}: {command}: run it in this file, or say here why it cannot be"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_and_options_that_commands_name_are_there(page: Path) -> None:
    from eisnn.__main__ import command as single
    from reports.__main__ import main as report
    from run_study import main as study

    programs = {
        "python run_study.py": study,
        "python -m reports": report,
        "python -m eisnn": single,
    }
    for command in commands(page):
        for start, program in programs.items():
            if command.startswith(start):
                words = shlex.split(command.removeprefix(start))
                program.make_parser(
                    program.make_context("", [], resilient_parsing=True)
                ).parse_args(args=list(words))
        for name in re.findall(r"(?:search_spaces|configs)/\S+\.yaml", command):
            assert (ROOT / name).is_file(), f"{page.name}: {command}: there is no {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), (
            f"{page.name}: {target}"
        )


def run(command: str, folder: Path, more: list[str], code: int = 0) -> str:
    words = shlex.split(command.replace("--space ...", "--space search_spaces/ei_ablation.yaml"))
    words = [
        sys.executable if word == "python" else str(ROOT / word) if word == "run_study.py" else word
        for word in words
    ] + more
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "130",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
        env=environment,
    )
    returned = (
        done.returncode if done.returncode >= 0 else 128 - done.returncode
    )  # as a shell says that a signal ended it
    assert returned == code, f"{command}: exit code {returned}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    outputs, made = (
        {},
        tmp_path / "results" / "ei_ablation_smoke",
    )  # --smoke gives its study a name of its own
    for command, more in RUN.items():
        outputs[command] = run(command, tmp_path, more)
        if made.exists():
            made.rename(made.with_name("ei_ablation"))
    assert "nothing to train" in outputs["python run_study.py --resume results/ei_ablation"]
    assert (tmp_path / "results" / "ei_ablation" / "report" / "index.html").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_tutorial(tmp_path: Path) -> None:
    """From its study file, in an empty folder: 18 trials, then 9 more, then a search that goes on,
    then a kill."""
    page = (ROOT / "docs" / "tutorial.md").read_text()
    [study] = re.findall(r"```yaml\n# ratio\.yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "ratio.yaml").write_text(study)
    for command in tutorial():
        killed = command.startswith("timeout")
        output = run(command, tmp_path, [], code=137 if killed else 0)
        if command.endswith("replicate.seeds=6"):
            assert "+9 new  =18 kept" in output
    assert (tmp_path / "results" / "ratio" / "report" / "index.html").exists()
