"""Do verdicts keep their promise? Monte Carlo over whole studies: python -m benchmarks.statistics

Every simulated table of docs/statistics.md comes from here (about 3 minutes on one core). The rules
are the report's own functions; only the studies are made up. All values are in standard deviations
of one replicate unless a row says otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from reports.analysis import importance, statistics
from reports.analysis.power import Pilot, detectable
from reports.analysis.sequential import looks

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
ALPHA = 0.05
ARMS = 8  # compared with one reference
IMAGES = 360
CHANCE = -40.0  # where a failed replicate lies, in SDs below the mean: 90 points at an SD of 2.25
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_t(3, shape) / np.sqrt(3)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 1.0 - rng.exponential(1.0, shape)


def tied(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Replicates that differ by a third of an image, counted in whole images (the unit here)."""
    return np.round(rng.normal(0, 0.33, shape))


def collapsing(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """One replicate in ten falls to chance, in every arm."""
    return np.where(rng.random(shape) < 0.1, CHANCE, rng.normal(size=shape))


def unequal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The reference (the first arm) has a tenth of the others' spread."""
    x = rng.normal(size=shape)
    x[:, 0] *= 0.1
    return x


DATA: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails, t(3)": heavy,
    "skewed, exponential": skewed,
    "ties": tied,
    "one in ten collapses": collapsing,
    "unequal variance": unequal,
}


def differences(x: Array) -> Array:
    """Returns the differences from the first arm, of values [studies, arms, units]."""
    return x[:, 1:] - x[:, :1]


def resolution_of(name: str) -> float:
    return 1.0 if name == "ties" else 0.0


def single_step(d: Array, resolution: float = 0.0) -> Flags:
    """Returns [studies, m]: which intervals leave out zero."""
    mean, _, half = statistics.t_bounds(d, ALPHA / d.shape[1], resolution)
    return np.abs(mean) > half


def holm(d: Array, resolution: float = 0.0) -> Flags:
    found = []
    for study in d:
        p = [statistics.paired(row, ALPHA, resolution).p for row in study]
        found.append([q <= ALPHA for q in statistics.corrected(p, "holm", len(p))])
    return np.array(found)


def sign_flip(d: Array, resolution: float = 0.0) -> Flags:
    found = []
    for study in d:
        p, _ = statistics.joint_sign_flips(study.T, ALPHA, resolution)
        found.append([q <= ALPHA for q in p])
    return np.array(found)


def dunnett_critical(n: int, m: int) -> float:
    """Returns the critical |t| for m comparisons with one reference and equal variances."""
    rng = np.random.default_rng(99)
    d = differences(rng.normal(size=(20_000, m + 1, n)))
    mean, sd, _ = statistics.t_bounds(d, ALPHA)
    return float(np.quantile((np.abs(mean) / sd * np.sqrt(n)).max(axis=1), 1 - ALPHA))


def dunnett(d: Array, resolution: float = 0.0) -> Flags:
    mean, sd, _ = statistics.t_bounds(d, ALPHA, resolution)
    n = d.shape[-1]
    return np.abs(mean) / sd * np.sqrt(n) > dunnett_critical(n, d.shape[1])


def false_verdicts(name: str, n: int, studies: int, rule: Callable[..., Flags]) -> float:
    """Returns the share of studies of equal arms in which at least one verdict is a difference."""
    rng = np.random.default_rng(n)
    d = differences(DATA[name](rng, (studies, ARMS + 1, n)))
    return float(rule(d, resolution_of(name)).any(axis=1).mean())


def coverage(name: str, n: int, studies: int) -> float:
    """Returns the share of studies in which all intervals hold the true difference, which is 0."""
    rng = np.random.default_rng(100 + n)
    d = differences(DATA[name](rng, (studies, ARMS + 1, n)))
    mean, _, half = statistics.t_bounds(d, ALPHA / ARMS, resolution_of(name))
    return float((np.abs(mean) <= half).all(axis=1).mean())


def errors(studies: int) -> Iterator[str]:
    yield f"Share of studies with a false verdict, {ARMS} equal arms against one reference"
    yield "| data | rule | n = 3 | n = 5 | n = 8 | n = 10 |"
    yield "|---|---|---:|---:|---:|---:|"
    rules = {
        "single step": (single_step, studies),
        "Dunnett": (dunnett, studies),
        "Holm": (holm, studies // 8),
        "joint sign flips": (sign_flip, studies // 8),
    }
    for name in DATA:
        for rule, (decide, times) in rules.items():
            cells = [f"{false_verdicts(name, n, times, decide):.3f}" for n in (3, 5, 8, 10)]
            yield f"| {name} | {rule} | {' | '.join(cells)} |"
    yield ""
    yield "Share of studies in which all intervals of the single step hold the truth"
    yield "| data | n = 3 | n = 5 | n = 8 | n = 10 |"
    yield "|---|---:|---:|---:|---:|"
    for name in DATA:
        cells = [f"{coverage(name, n, studies):.3f}" for n in (3, 5, 8, 10)]
        yield f"| {name} | {' | '.join(cells)} |"


def tuned(quality: float, repeats: int, seeds: int, studies: int) -> float:
    """Returns the share of studies with a false verdict if equal arms are tuned separately.

    ``quality`` is the SD of what a search finds, in SDs of a seed. With one repeat the unit is the
    seed; with several it is the repeat.
    """
    rng = np.random.default_rng(17)
    shape = (studies, ARMS + 1, repeats, seeds)
    x = rng.normal(0, quality, (*shape[:3], 1)) + rng.normal(size=shape)
    units = x[:, :, 0] if repeats == 1 else x.mean(axis=-1)
    return float(single_step(differences(units)).any(axis=1).mean())


def searches(studies: int) -> Iterator[str]:
    yield f"Share of studies with a difference claimed, {ARMS} equal arms, each with own searches"
    yield "| repeats x seeds | 0.5 SD | 1 SD | 2 SD | 4 SD |"
    yield "|---|---:|---:|---:|---:|"
    for repeats, seeds in ((1, 10), (3, 3), (5, 2), (5, 5)):
        cells = [f"{tuned(quality, repeats, seeds, studies):.3f}" for quality in (0.5, 1, 2, 4)]
        yield f"| {repeats} x {seeds} | {' | '.join(cells)} |"


def dying(share: float, n: int, studies: int, chance: bool) -> tuple[float, float]:
    """Returns the shares of verdicts (better, worse) on an arm that equals the reference, but whose
    worst runs die.

    With ``chance`` dead runs count as chance; otherwise they are left out, as in tables of
    survivors.
    """
    rng = np.random.default_rng(23)
    reference, arm = rng.normal(size=(2, studies, n))
    dead = arm < np.quantile(rng.normal(size=100_000), share)
    if chance:
        d = np.where(dead, CHANCE, arm) - reference
        mean, _, half = statistics.t_bounds(d, ALPHA)
        return float(np.mean(mean > half)), float(np.mean(-mean > half))
    better = worse = 0
    for row, gone in zip(arm - reference, dead, strict=True):
        test = statistics.paired(row[~gone], ALPHA)
        better += test.low > 0
        worse += test.high < 0
    return better / studies, worse / studies


def deaths(studies: int) -> Iterator[str]:
    yield "Verdicts on an arm that equals the reference, but whose worst runs die"
    counts = " | ".join(f"n = {n}: better | worse" for n in (5, 10, 20))
    yield f"| dead runs | counted as | {counts} |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for share in (0.2, 0.4):
        for words, chance, times in (("left out", False, studies // 4), ("chance", True, studies)):
            cells = []
            for n in (5, 10, 20):
                cells += [f"{found:.3f}" for found in dying(share, n, times, chance)]
            yield f"| {share:.0%} | {words} | {' | '.join(cells)} |"


def until_decided(
    effect: float, studies: int, seeds: int = 5, most: int = 20, margin: float | None = None,
    shared: bool = True, draw: Draw = DATA["normal"],
) -> tuple[float, float, float]:  # fmt: skip
    """Returns the share of studies with a false difference, the share of arms decided, and the mean
    number of seeds of an arm.

    With ``shared`` the looks share alpha; otherwise every look has all of it. Every arm has the
    effect; a decided sign that is not the effect's is false.
    """
    planned = looks(seeds, most)
    rng = np.random.default_rng(31)
    d = differences(draw(rng, (studies, ARMS + 1, most)))
    d = d + effect
    level = ALPHA / ARMS / (len(planned) if shared else 1)
    sign = np.zeros((studies, ARMS))
    used = np.full((studies, ARMS), float(most))
    open_ = np.ones((studies, ARMS), bool)
    for n in planned:
        mean, _, half = statistics.t_bounds(d[..., :n], level)
        differs = np.abs(mean) > half
        within = np.zeros_like(differs)
        if margin is not None:
            within = np.abs(mean) + half < margin
        now = open_ & (differs | within)
        sign = np.where(now & ~within, np.sign(mean), sign)
        used = np.where(now, n, used)
        open_ &= ~now
    false = (sign != 0) & (sign != np.sign(effect))
    return float(false.any(axis=1).mean()), float((~open_).mean()), float(used.mean())


def sequential(studies: int) -> Iterator[str]:
    yield f"`until: decided`, 5 to 20 seeds in steps of 5, {ARMS} arms against one reference"
    yield (
        "| effect (SD of a replicate) | alpha at each look | false verdict in a study"
        " | arms decided | seeds an arm |"
    )
    yield "|---:|---|---:|---:|---:|"
    for effect in (0.0, -1.0, -2.0, -4.0):
        for shared in (True, False) if effect == 0 else (True,):
            false, decided, used = until_decided(effect, studies, shared=shared)
            words = "shared" if shared else "all of it"
            yield f"| {abs(effect):g} | {words} | {false:.3f} | {decided:.3f} | {used:.1f} |"
    for name in ("heavy tails, t(3)", "skewed, exponential", "one in ten collapses"):
        false, decided, used = until_decided(0.0, studies, draw=DATA[name])
        yield f"| 0, {name} | shared | {false:.3f} | {decided:.3f} | {used:.1f} |"


def powers(_: int) -> Iterator[str]:
    yield "Least difference found with 80 %, in SDs of the paired differences"
    yield "| units n | 1 comparison | 5 comparisons | 8 comparisons | 15 comparisons |"
    yield "|---:|---:|---:|---:|---:|"
    for n in (3, 4, 5, 6, 8, 10, 15, 20):
        cells = [f"{detectable(n, Pilot(1.0), ALPHA / m):.2f}" for m in (1, 5, 8, 15)]
        yield f"| {n} | {' | '.join(cells)} |"
    yield ""
    yield "Share of arms found at a loss of 2 SDs of the paired differences, 9 comparisons"
    yield "| rule | n = 5 | n = 6 | n = 8 | n = 10 |"
    yield "|---|---:|---:|---:|---:|"
    for name, rule in (
        ("single step", single_step),
        ("Holm", holm),
        ("joint sign flips", sign_flip),
    ):
        cells = []
        for n in (5, 6, 8, 10):
            rng = np.random.default_rng(41)
            d = rng.normal(-2.0, 1.0, (300, 9, n))
            cells.append(f"{rule(d).mean():.2f}")
        yield f"| {name} | {' | '.join(cells)} |"


def stands_out(trials: int, times: int, matters: bool) -> tuple[float, float]:
    """Returns the shares of searches over four parameters, of which one may matter, in which the
    first is right, and in which something stands out."""
    names = ["learning rate", "gain", "ratio", "exponent"]
    right = out = 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        x = np.column_stack(
            [
                rng.uniform(-3, -1, trials),
                rng.uniform(-1, 1, trials),
                rng.integers(0, 3, trials),
                rng.uniform(0, 1.5, trials),
            ]
        )
        y = rng.normal(0, 0.005, trials)
        if matters:
            y = y - 0.1 * (x[:, 0] + 2) ** 2
        first = importance.records(names, x, y)[0]
        right += first.parameter == names[0]
        out += first.stands_out
    return right / times, out / times


def importances(studies: int) -> Iterator[str]:
    times = max(10, studies // 100)
    yield f"Importance over {times} simulated searches of four parameters"
    yield (
        "| completed trials | right first, one matters | it stands out"
        " | something stands out, none matters |"
    )
    yield "|---:|---:|---:|---:|"
    for trials in (20, 40):
        right, out = stands_out(trials, times, True)
        _, wrong = stands_out(trials, times, False)
        yield f"| {trials} | {right:.2f} | {out:.2f} | {wrong:.2f} |"


TABLES = {
    "importance": importances,
    "errors": errors,
    "searches": searches,
    "deaths": deaths,
    "sequential": sequential,
    "power": powers,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="All by default.")
    parser.add_argument("--studies", type=int, default=8_000, help="Simulated studies a cell.")
    given = parser.parse_args()
    for name in given.tables or TABLES:
        print("\n".join(TABLES[name](given.studies)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
