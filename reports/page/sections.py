"""What a report consists of: sections of tables, figures and remarks. A section appears only where the study has data for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.analysis import ablation, compare
from reports.analysis.collect import UNFINISHED, Study
from reports.analysis.compare import ArmResult, Options
from reports.figures import ablation as ablation_views
from reports.figures import comparison as plots
from reports.figures import diagnostics, distributions, front, style
from reports.figures import search as search_views
from reports.figures import tuning as tuning_views
from reports.figures.style import Animation, Picture
from reports.tables import planned
from reports.tables import results as result_tables
from reports.tables.table import Table

Item = Table | Picture | Animation


@dataclass(frozen=True)
class Section:
    """``key`` is its anchor; ``text`` a line of introduction; ``items`` in reading order."""

    key: str
    title: str
    text: str
    items: tuple[Item, ...]


def section(key: str, title: str, text: str, *items: Item | None) -> Iterator[Section]:
    """The section, or nothing if it has no items."""
    found = tuple(item for item in items if item is not None)
    if found:
        yield Section(key, title, text, found)


def all_sections(study: Study, options: Options) -> Iterator[Section]:
    results = compare.main_table(study, options)
    looks = style.looks(study.arm_names, options.reference, options.baseline)
    measured = any(result.n for result in results)
    yield from _outcome(study, results, options, looks)
    yield from section("planned", planned.title(options), "", planned.table(study, options))
    yield from section(
        "curves", "Learning curves", "", plots.learning_curves(study, options, looks)
    )
    yield from _ablation(study, options)
    yield from _search(study, options, looks)
    costs = (
        (result_tables.cost_table(results), plots.cost_plane(results, options, looks))
        if measured
        else ()
    )
    yield from section("cost", "Cost", "", *costs)
    yield from _inside(study, options, looks)
    if len(study.trials):
        yield from section("states", "Reliability", "", result_tables.state_table(study, results))


def _ablation(study: Study, options: Options) -> Iterator[Section]:
    factors, y = ablation.cells(study, options)
    effects = ablation.all_effects(factors, y, options)
    if not any(record.n for record in effects):
        return
    factorial = ablation.is_factorial(factors, y)
    yield from section(
        "ablation",
        "Ablation",
        ablation_views.summary(factors, y),
        ablation_views.effect_table(factors, effects, options),
        ablation_views.effect_picture(factors, effects, options),
        ablation_views.interaction_table(factors, y, options) if factorial else None,
        ablation_views.interaction_picture(factors, y, options) if factorial else None,
        ablation_views.path_picture(factors, y, options),
    )


def _search(study: Study, options: Options, looks: dict[str, style.Look]) -> Iterator[Section]:
    if not search_views.arms_searched(study):
        return
    shares = search_views.importances(study)
    yield from section(
        "search",
        "Search",
        search_views.flips_text(study),
        search_views.budgets(study, looks),
        front.picture(study, looks),
        search_views.importance_picture(study, shares),
        search_views.slices(study, shares, looks),
        search_views.interaction(study, shares, options.reference),
        tuning_views.tuned_table(study),
        tuning_views.overtuning_table(study),
        tuning_views.overtuning_picture(study, looks),
    )


def _inside(study: Study, options: Options, looks: dict[str, style.Look]) -> Iterator[Section]:
    rows = diagnostics.read(study, list(looks))
    order = [arm for arm in looks if arm == options.reference] + list(dict.fromkeys(rows["arm"]))
    recorded = next(
        (
            (path, arm)
            for arm in looks
            for path in diagnostics.files(study, arm, "distributions.npz")
        ),
        None,
    )
    yield from section(
        "inside",
        "Inside the networks",
        "",
        diagnostics.over_depth(rows, looks) if len(rows) else None,
        diagnostics.over_epochs(rows, order[0]) if len(rows) else None,
        distributions.ridges(*recorded) if recorded else None,
        distributions.animation(*recorded) if recorded else None,
    )


def _outcome(
    study: Study, results: Sequence[ArmResult], options: Options, looks: dict[str, style.Look]
) -> Iterator[Section]:
    if not any(
        sum(counts.values())
        for result in results
        for kind, counts in result.states.items()
        if kind == "replicate"
    ):
        return
    yield from section(
        "outcome",
        "Outcome",
        " ".join(filter(None, [summary(results, options), ended_early(study)])),
        result_tables.main_table(study, results, options),
        plots.accuracy(results, options, looks),
        plots.differences(results, options, looks),
        plots.table_picture(results, options),
        result_tables.comparison_table(results, options)
        if compare.comparison_family(results, options)
        else None,
    )


def summary(results: Sequence[ArmResult], options: Options) -> str:
    """The outcome in one or two sentences."""
    by_name = {result.arm: result for result in results}
    name = result_tables.metric_name(options)
    sentences = []
    for arm in options.against:
        if by_name[arm].n:
            unit = " %" if options.percent else ""
            sentences.append(
                f"{arm} has a mean {name} of {result_tables.show(by_name[arm].mean, options)}{unit} (n = {by_name[arm].n})."
            )
    family = compare.comparison_family(results, options)
    if family:
        counts: dict[str, int] = {}
        for record in family:
            words = record.verdict.split(" with ")[0]
            counts[words] = counts.get(words, 0) + 1
        listed = ", ".join(f"{count} {words}" for words, count in sorted(counts.items()))
        sentences.append(f"Of {len(family)} comparison{'s' if len(family) > 1 else ''}: {listed}.")
    dead = [
        result.arm for result in results if result.states and not result.n and not _open(result)
    ]
    if dead:
        sentences.append(
            f"Without a value, since no trial of theirs that could give one succeeded: {', '.join(dead)}."
        )
    return " ".join(sentences)


def ended_early(study: Study) -> str:
    """What a budget cut short, as the run's end says it: searches of unequal length favour the arms that had more trials."""
    return " ".join(
        f"{name} ended before its plan was done: {note}." for name, note in study.budgets.items()
    )


def _open(result: ArmResult) -> bool:
    """May the arm still get a value: a replicate is to finish, or its search is still going on or has found something?"""
    searched, replicated = result.states.get("search", {}), result.states.get("replicate", {})
    return bool({*UNFINISHED} & {*searched, *replicated}) or (
        "completed" in searched and not replicated
    )
