"""Optuna's samplers, which propose what to try next; one entry each.

Every trial number of a search has its own samplers, seeded by the number and not by the arm. So
there is no random state to save, and all arms begin with the same draws.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from study.search.sobol import SobolSampler
from study.spec.search import Search


@dataclass(frozen=True)
class Draw:
    """The draw that a sampler makes. ``path`` is empty if it draws all parameters together."""

    repeat: int
    number: int
    path: str = ""
    objectives: int = 1
    paths: tuple[str, ...] = ()  # all parameters of the study, in the file's order


def _tpe(search: Search, draw: Draw, seed: int) -> BaseSampler:
    return TPESampler(
        seed=seed,
        n_startup_trials=search.startup,
        multivariate=draw.objectives == 1,
        group=False,
        constant_liar=True,
    )


def _gp(search: Search, draw: Draw, seed: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=search.startup)


def _cmaes(search: Search, draw: Draw, seed: int) -> BaseSampler:
    """Makes a sampler that draws categorical parameters at random: CMA-ES knows only numbers."""
    return CmaEsSampler(seed=seed, n_startup_trials=search.startup, warn_independent_sampling=False)


def _qmc(search: Search, draw: Draw, seed: int) -> BaseSampler:
    return SobolSampler(seed_for(search.seed, draw.repeat), draw.number, draw.paths)


def _random(search: Search, draw: Draw, seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[Search, Draw, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "cmaes": _cmaes,
    "qmc": _qmc,
    "random": _random,
    "grid": _random,  # draws nothing, since all points of the grid are enqueued
}


def make_sampler(search: Search, draw: Draw, *, fresh: bool = False) -> BaseSampler:
    """Returns the sampler of one draw; a ``fresh`` one draws at random."""
    make = _random if fresh else SAMPLERS[search.sampler]
    return make(search, draw, seed_for(search.seed, draw.repeat, draw.number, draw.path))


def seed_for(*parts: Any) -> int:
    """Returns a 31-bit seed that is a function of ``parts``."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:4], "big") >> 1
