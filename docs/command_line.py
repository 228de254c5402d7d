"""Writes docs/command_line.md from the programs' own options: python docs/command_line.py"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "command_line.md"
HEAD = """# The command line

Written by `docs/command_line.py` from the programs themselves; `--help` says the same.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | our fault; the traceback is in the study's log.txt |
| 2 | wrong input: a file, an option, a folder or an address; nothing was started |
| 3 | done, but trials failed or have no result; or stopped before the end, and the message says why |
| 130 | interrupted by a signal; the same command continues |
"""  # noqa: E501

# One whole command line for every option of every program.
SPACE = "python run_study.py --space search_spaces/ei_ablation.yaml"
REPORT = "python -m reports results/ei_ablation"
SCRATCH = "python -m eisnn --scratch configs/EI-SNN/Digits-MLP8.yaml"
EVALUATE = "python -m eisnn --evaluate results/single/EI-MLP8"
EXAMPLES = {
    "python run_study.py": {
        "--space": SPACE,
        "--resume": "python run_study.py --resume results/ei_ablation",
        "--status": "python run_study.py --status results/ei_ablation",
        "--list": "python run_study.py --list",
        "--clean": "python run_study.py --clean results/ei_ablation",
        "--yes": "python run_study.py --clean results/ei_ablation --yes",
        "--dry-run": f"{SPACE} --dry-run",
        "--set": f"{SPACE} --set search.trials=8 --set replicate.seeds=5",
        "--name": f"{SPACE} --name more_trials --set search.trials=8",
        "--results": f"{SPACE} --results /scratch/studies",
        "--fresh": f"{SPACE} --fresh",
        "--max-concurrent": f"{SPACE} --max-concurrent 1",
        "--address": f"{SPACE} --address auto",
        "--smoke": f"{SPACE} --smoke",
        "--reproduce": "python run_study.py --resume results/ei_ablation --reproduce 0a1b2c3d4e5f",
        "--schema": "python run_study.py --schema > study.schema.json",
        "--version": "python run_study.py --version",
    },
    "python -m reports": {
        "--baseline": f"{REPORT} --baseline none",
        "--reference": f"{REPORT} --reference bn",
        "--pair": f"{REPORT} --pair no_divisive no_subtractive",
        "--formats": f"{REPORT} --formats html,csv",
        "--metric": f"{REPORT} --metric test/loss",
        "--at": f"{REPORT} --at best",
        "--alpha": f"{REPORT} --alpha 0.01",
        "--interval": f"{REPORT} --interval bootstrap",
        "--out": f"{REPORT} --out /tmp/report",
        "--quick": f"{REPORT} --quick",
        "--paper": f"{REPORT} --paper",
        "--verify": f"{REPORT} --verify",
        "-k": f"{REPORT} --verify -k 10",
    },
    "python -m eisnn": {
        "--scratch": SCRATCH,
        "--resume": "python -m eisnn --resume results/single/EI-MLP8",
        "--evaluate": EVALUATE,
        "--config": "python -m eisnn --evaluate vgg8.pth --config configs/EI-SNN/CIFAR10-VGG8.yaml",
        "--export": f"{EVALUATE} --export weights.safetensors",
        "--workload": f"{EVALUATE} --workload layers.csv",
        "--weights": f"{SCRATCH} --weights mlp8.pth",
        "--output": f"{SCRATCH} --output results/single/EI-MLP8",
        "--seed": f"{SCRATCH} --seed 7",
        "--device": f"{SCRATCH} --device cpu",
        "--threads": f"{SCRATCH} --threads 2",
        "--log": f"{SCRATCH} --log 2",
    },
}


def programs() -> dict[str, click.Command]:
    """Returns the three programs by the words that start them."""
    sys.path.insert(0, str(ROOT))
    import run_study
    from eisnn.__main__ import command as single
    from reports.__main__ import main as reports

    return {
        "python run_study.py": run_study.main,
        "python -m reports": reports,
        "python -m eisnn": single,
    }


def page() -> str:
    """Returns the page's text."""
    parts = [HEAD]
    for name, program in programs().items():
        parts.append("\n".join(_section(name, program)))
    return "\n".join(parts)


def _section(name: str, program: click.Command) -> Iterator[str]:
    summary = " ".join((program.help or "").split())
    yield f"## {name}\n\n{summary}\n"
    yield "| option | meaning | example |"
    yield "|---|---|---|"
    for parameter in program.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            example = EXAMPLES[name][parameter.opts[-1]]
            yield f"| `{_names(parameter)}` | {_meaning(parameter)} | `{example}` |"
    yield ""


def _names(option: click.Option) -> str:
    words = option.opts[-1]
    if not option.is_flag and not option.count:
        metavar = option.make_metavar(click.Context(click.Command("")))
        words += " " + metavar.replace("INTEGER RANGE", "N")
    return words.replace("|", "\\|")


def _meaning(option: click.Option) -> str:
    text = (option.help or "").replace("|", "\\|").replace("<", "&lt;")
    if option.show_default and option.default is not None:
        text += f" Default: {option.default}."
    if option.envvar:
        text += f" Or from the environment: {option.envvar}."
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
