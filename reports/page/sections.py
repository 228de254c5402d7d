"""The sections of a report, in reading order; a section appears only if it has data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.analysis import ablation, compare
from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.compute import joules_by_arm
from reports.analysis.options import Options
from reports.analysis.searched import arms_searched
from reports.figures import (
    budget,
    cost,
    curves,
    diagnostics,
    distributions,
    effects,
    front,
    importance,
    interactions,
    layers,
    pairs,
    parallel,
    path,
    promised,
    search_curves,
    slices,
    style,
)
from reports.figures.picture import Animation, Picture
from reports.figures.style import Look
from reports.tables import arms, claims, planned, tuned
from reports.tables import costs as cost_tables
from reports.tables import effects as effect_tables
from reports.tables import importance as importance_tables
from reports.tables import results as result_tables
from reports.tables import states as state_tables
from reports.tables.table import Table
from study.store import Kind

Item = Table | Picture | Animation


@dataclass(frozen=True)
class Section:
    """One section: ``key`` is its anchor, ``text`` an introduction; ``more`` is shown on demand."""

    key: str
    title: str
    text: str
    items: tuple[Item, ...]
    more: tuple[Item, ...] = ()


def section(
    key: str,
    title: str,
    text: str,
    items: Sequence[Item | None],
    more: Sequence[Item | None] = (),
) -> Iterator[Section]:
    """Yields the section if it has items."""
    shown = tuple(item for item in items if item is not None)
    behind = tuple(item for item in more if item is not None)
    if shown or behind:
        yield Section(key, title, text, shown, behind)


def all_sections(study: Study, options: Options) -> Iterator[Section]:
    """Yields every section that the study has data for."""
    results = compare.main_table(study, options)
    looks = style.looks(study.arm_names, options.reference, options.baseline)
    yield from _outcome(study, results, options)
    learning = curves.picture(study, options, looks)
    yield from section("curves", "Learning curves", "", [learning])
    yield from _ablation(study, options)
    yield from _search(study, options, looks)
    yield from _inside(study, options, looks)
    if any(result.n for result in results):
        plane = cost.picture(results, options, looks)
        joules = joules_by_arm(study)
        yield from section("cost", "Cost", "", [plane], [cost_tables.cost_table(results, joules)])
    if len(study.trials):
        states = state_tables.state_table(study, results)
        yield from section("states", "Trials", "", [], [states])


def _outcome(study: Study, results: Sequence[ArmResult], options: Options) -> Iterator[Section]:
    if not any(Kind.REPLICATE in result.states for result in results):
        return
    tested = compare.comparison_family(results, options)
    more: list[Item | None] = []
    if tested:
        more.append(result_tables.comparison_table(results, options))
    more.append(arms.table(study))
    main = result_tables.main_table(study, results, options)
    items = [claims.table(study, options), main, planned.table(study, options)]
    yield from section("outcome", "Every arm", ended_early(study), items, more)


def _ablation(study: Study, options: Options) -> Iterator[Section]:
    """Yields effects that the answer does not show: several kinds per factor, and interactions.

    A single kind of effect is the arm's difference to the reference, which the answer shows.
    """
    factors, y = ablation.cells(study, options)
    found = ablation.all_effects(factors, y, options)
    text = effect_tables.missing_text(factors, y)
    kinds = {record.kind for record in found if record.n}
    design = effect_tables.design_table(study, options)
    if design is not None and len(kinds) < 2:
        # Factors with levels, or crossed with other networks, have only this table.
        yield from section("ablation", "Factors", text, [design])
        return
    if not kinds or (len(kinds) < 2 and not text):
        return
    picture = effects.picture(factors, found, options)
    factorial = ablation.is_factorial(factors, y)
    more: list[Item | None] = [effect_tables.effect_table(factors, found, options)]
    shown: list[Item | None] = [picture]
    if factorial:
        shown.append(interactions.picture(factors, y, options))
    more.append(design)
    shown.append(path.picture(factors, y, options))
    yield from section("ablation", "Factors", text, shown, more)


def _search(study: Study, options: Options, looks: Mapping[str, Look]) -> Iterator[Section]:
    if not arms_searched(study):
        return
    found = importance.records(study)
    shares = importance.importances(study, found)
    items = [
        search_curves.picture(study),
        promised.picture(study, looks),
        front.picture(study, looks),
    ]
    more = [
        parallel.picture(study, looks),
        slices.picture(study, shares, looks),
        budget.picture(study, looks),
        importance.picture(study, shares),
        importance_tables.table(study, found),
        pairs.picture(study, shares, options.reference),
        tuned.tuned_table(study),
        tuned.overtuning_table(study),
    ]
    yield from section("search", "Search", budget.flips_text(study), items, more)


def _inside(study: Study, options: Options, looks: Mapping[str, Look]) -> Iterator[Section]:
    rows = diagnostics.read(study, list(looks))
    items: list[Item | None] = []
    if len(rows):
        known = list(dict.fromkeys(rows["arm"]))
        shown = known[0]
        if options.reference in known:
            shown = options.reference
        items += [layers.over_depth(rows, looks, options.reference)]
        items += [layers.over_epochs(rows, str(shown))]
    recorded = _recorded(study, looks)
    if recorded:
        items += [distributions.ridges(*recorded), distributions.animation(*recorded)]
    yield from section("inside", "Inside the networks", "", items)


def _recorded(study: Study, looks: Mapping[str, Look]) -> tuple[Path, str] | None:
    """Returns the first file of distributions and its arm, preferring the reference."""
    for arm in sorted(looks, key=lambda name: not looks[name].stands_out):
        for found in diagnostics.files(study, arm, "distributions.npz"):
            return found, arm
    return None


def ended_early(study: Study) -> str:
    """Says which budget ended a study early: unequal searches favour the arms with more trials."""
    parts = []
    for name, note in study.budgets.items():
        parts.append(f"{name} ended before its plan was done: {note}.")
    return " ".join(parts)
