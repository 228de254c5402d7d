"""python -m benchmarks.conditional: are parameters with a ``when`` better drawn jointly?

Optuna's TPE models the parameters that all trials have together. Those that only some trials have,
it draws one by one (``group=False``), or together with the others of each branch (``group=True``).
Both search the same made-up objectives, through the samplers of `study.search.samplers`, with the
same seeds (about 6 minutes on one core). The table of docs/searching.md comes from here.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, TPESampler
from scipy import stats

from study.search import samplers
from study.search.samplers import Draw, make_sampler
from study.spec.search import Search

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A search space with branches, and what a configuration loses against the best one.

    ``space`` holds name -> (low, high), or the choices; ``when`` names the branch that a parameter
    belongs to. A loss of 0.01 is a point of accuracy.
    """

    name: str
    space: Mapping[str, tuple[Any, ...]]
    when: Mapping[str, tuple[str, str]]
    loss: Callable[[Values], float]

    def draw(self, study: optuna.Study, search: Search, repeat: int, number: int) -> optuna.Trial:
        """Proposes a trial as `study.search.draws` does: the branch's parameters, one by one."""
        paths = tuple(self.space)
        study.sampler = make_sampler(search, Draw(repeat, number, paths=paths))
        trial = study.ask()
        _ = trial.relative_params
        for name, choices in self.space.items():
            other, value = self.when.get(name, ("", ""))
            if other and trial.params.get(other) != value:
                continue
            study.sampler = make_sampler(search, Draw(repeat, number, name, paths=paths))
            if isinstance(choices[0], str):
                trial.suggest_categorical(name, choices)
            else:
                trial.suggest_float(name, *choices)
        return trial


def bowl(*offsets: float) -> float:
    return sum(offset**2 for offset in offsets)


def apart(v: Values) -> float:
    """Each optimiser has an option of its own, whose best value depends on nothing else."""
    if v["optimizer"] == "sgd":
        return 0.02 + 0.1 * bowl(v["rate"] + 1.0, 2 * (v["momentum"] - 0.9))
    return 0.1 * bowl(v["rate"] + 2.5, 2 * (v["beta"] - 0.7))


def ridge(v: Values) -> float:
    """The best learning rate depends on the option: rate x 1 / (1 - momentum) counts, as in SGD."""
    if v["optimizer"] == "sgd":
        step = v["rate"] - math.log10(1.001 - v["momentum"])
        return 0.02 + 0.1 * bowl(step - 0.2, 0.3 * (v["momentum"] - 0.8))
    return 0.1 * bowl(v["rate"] + 2.5 - 2 * (v["beta"] - 0.7), 0.3 * (v["beta"] - 0.7))


def within(v: Values) -> float:
    """A circuit has three options that make up for each other; without it there are none."""
    if v["circuit"] == "off":
        return 0.15 + 0.1 * bowl(v["rate"] + 1.5)
    together = v["gain"] * v["ratio"] - 0.5
    return 0.1 * bowl(v["rate"] + 2.0, 3 * together, v["gain"] - 0.8, v["decay"] - v["gain"])


RATE, SHARE = (-4.0, 0.0), (0.0, 1.0)
OPTIMIZERS = ("sgd", "adam")
OF_OPTIMIZERS = {"momentum": ("optimizer", "sgd"), "beta": ("optimizer", "adam")}
TWO_OPTIMIZERS = {"optimizer": OPTIMIZERS, "rate": RATE, "momentum": SHARE, "beta": SHARE}
CIRCUIT = {"gain": SHARE, "ratio": SHARE, "decay": SHARE}
PROBLEMS = (
    Problem("apart", TWO_OPTIMIZERS, OF_OPTIMIZERS, apart),
    Problem("ridge", TWO_OPTIMIZERS, OF_OPTIMIZERS, ridge),
    Problem(
        "within",
        {"circuit": ("on", "off"), "rate": RATE, **CIRCUIT},
        dict.fromkeys(CIRCUIT, ("circuit", "on")),
        within,
    ),
)


def tpe(group: bool) -> Callable[[Search, Draw, int], BaseSampler]:
    """The harness's TPE, with conditional parameters drawn jointly or not."""

    def make(search: Search, draw: Draw, seed: int) -> BaseSampler:
        return TPESampler(
            seed=seed,
            n_startup_trials=search.startup,
            multivariate=True,
            group=group,
            constant_liar=True,
        )

    return make


def best_losses(problem: Problem, repeat: int, trials: int, at_once: int) -> np.ndarray:
    """The least loss after each trial, (trials,); ``at_once`` are told together."""
    study, search = optuna.create_study(), Search(trials=trials)
    losses: list[float] = []
    while len(losses) < trials:
        numbers = range(len(losses), min(len(losses) + at_once, trials))
        asked = [problem.draw(study, search, repeat, number) for number in numbers]
        for trial in asked:
            losses.append(problem.loss(trial.params))
            study.tell(trial, losses[-1])
    return np.minimum.accumulate(losses)


def compared(problem: Problem, seeds: int, budgets: list[int], at_once: int) -> None:
    """Prints what both lose on average at each budget, and the paired difference between them."""
    found = {}
    for group in (False, True):
        samplers.SAMPLERS["tpe"] = tpe(group)
        runs = [best_losses(problem, seed, max(budgets), at_once) for seed in range(seeds)]
        found[group] = 100 * np.stack(runs)
    for budget in budgets:
        apart_, joint = found[False][:, budget - 1], found[True][:, budget - 1]
        d = joint - apart_
        half = stats.t.isf(0.025, seeds - 1) * d.std(ddof=1) / math.sqrt(seeds)
        print(
            f"| {problem.name}, {at_once} at once | {budget} "
            f"| {apart_.mean():.2f} (SD {apart_.std(ddof=1):.2f}) "
            f"| {joint.mean():.2f} (SD {joint.std(ddof=1):.2f}) "
            f"| {d.mean():+.2f} [{d.mean() - half:+.2f}, {d.mean() + half:+.2f}] "
            f"| {np.sum(d < 0)} of {seeds} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--budgets", type=int, nargs="+", default=[20, 40, 80])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--only", help="the name of one problem")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # Optuna calls its options experimental
    print("| problem | trials | one by one | jointly | difference, 95 % | jointly is better |")
    print("|---|---|---|---|---|---|")
    for problem in PROBLEMS:
        for at_once in given.at_once:
            if given.only in (None, problem.name):
                compared(problem, given.seeds, given.budgets, at_once)


if __name__ == "__main__":
    main()
