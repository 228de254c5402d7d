"""The comparison's records -> tables: the main one, its statistics, what it costs, and how the trials ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports.analysis import statistics
from reports.analysis.collect import STATES, Study
from reports.analysis.compare import COSTS, ArmResult, Difference, Options, comparison_family
from reports.tables.table import (
    DASH,
    Cell,
    Column,
    Table,
    number,
    p_text,
    significant_digits,
    with_interval,
)

SHORT_VERDICTS = {"not": "n.d.", "cannot": "n too small", "no": ""}


def metric_name(options: Options) -> str:
    """'test accuracy' of 'test/accuracy', 'learning rate' of 'learning_rate'."""
    return options.metric.replace("/", " ").replace("_", " ")


def metric_header(options: Options) -> str:
    return f"{metric_name(options)} (%)" if options.percent else metric_name(options)


def reading(options: Options) -> str:
    if "/" not in options.metric or options.metric.startswith("train"):
        return "of the finished replicates"
    return (
        "of the last epoch's weights"
        if options.at == "last"
        else "of the weights of the best validation epoch"
    )


def show(value: float, options: Options, signed: bool = False) -> str:
    """A value or a difference of the metric: percent (points) with two decimals, or three significant digits."""
    if options.percent:
        return number(100 * value, 2, signed)
    text = significant_digits(value)
    return f"+{text}" if signed and value > 0 else text


def value_cell(result: ArmResult, options: Options, best: bool = False) -> Cell:
    text = with_interval(*(show(x, options) for x in (result.mean, result.low, result.high)))
    return Cell(text, result.mean, bold=best)


def difference_cell(record: Difference | None, options: Options) -> Cell:
    """The paired difference with its interval; the verdict as the note."""
    if record is None or not record.n:
        return Cell(DASH, None)
    text = with_interval(
        show(record.mean, options, True),
        *(show(x, options, True) for x in (record.low, record.high)),
    )
    significant = record.verdict in (statistics.BETTER, statistics.WORSE)
    return Cell(
        text,
        record.mean,
        significant=significant,
        tone=record.verdict if significant else "",
        note=record.verdict,
    )


def verdict_cell(record: Difference | None) -> Cell:
    if record is None or not record.n:
        return Cell(DASH, "")
    tone = record.verdict if record.verdict in (statistics.BETTER, statistics.WORSE) else "quiet"
    return Cell(record.verdict, record.verdict, tone=tone)


def n_cell(result: ArmResult) -> Cell:
    """'3', or '2 of 3' where replicates are missing: a mean over survivors must say so."""
    return Cell(
        str(result.n) if result.n == result.planned else f"{result.n} of {result.planned}", result.n
    )


def arm_cell(result: ArmResult, options: Options) -> Cell:
    return Cell(result.arm, result.arm)


def best_arm(results: Sequence[ArmResult], options: Options) -> str | None:
    measured = [result for result in results if result.n]
    if len(measured) < 2:
        return None
    return (max if options.higher_is_better else min)(measured, key=lambda result: result.mean).arm


def states_text(counts: dict[str, int]) -> str:
    return (
        ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items()) or "none"
    )


def all_states(result: ArmResult) -> str:
    """'3 completed', or '3 completed; search: 12 completed, 3 pruned' where the arm was searched too."""
    ended = states_text(dict(result.states.get("replicate", {})))
    searched = result.states.get("search")
    return f"{ended}; search: {states_text(dict(searched))}" if searched else ended


def caption(results: Sequence[ArmResult], options: Options) -> str:
    """What the numbers are, how they were comparison_family, and what this many seeds can show."""
    percent, family = f"{100 * options.confidence:g} %", comparison_family(results, options)
    kind = (
        "Student's t over seeds"
        if options.method == "t"
        else "BCa bootstrap over seeds (too short for few seeds)"
    )
    text = f"{metric_name(options).capitalize()} {reading(options)}; mean and {percent} confidence interval ({kind}); n: completed replicates."
    if not family:
        return text
    correction = {
        "holm": "Holm-corrected",
        "bonferroni": "Bonferroni-corrected",
        "none": "uncorrected",
    }[options.correction]
    unit, plural = (
        "points" if options.percent else "units of the metric",
        "s" if len(family) > 1 else "",
    )
    text += (
        f" Differences are paired by seed, in {unit}; verdicts follow from a two-sided sign-flip permutation test, {correction} over the"
        f" table's {len(family)} comparison{plural}, at level {options.alpha:g} (* significant)."
    )
    most = max(record.n for record in family)
    needed = statistics.seeds_needed(len(family), options.alpha, options.correction)
    if most < needed:
        text += (
            f" With {most} paired seed{'s' if most > 1 else ''} the smallest possible p is {statistics.smallest_p(most):.3g};"
            f" {needed} seeds are needed for every comparison to be able to reach significance."
        )
    return text


def main_table(study: Study, results: Sequence[ArmResult], options: Options) -> Table:
    best = best_arm(results, options)
    other = "at best val. epoch" if options.at == "last" else "at last epoch"
    columns = [
        Column("arm", False),
        Column("n"),
        Column(f"{metric_header(options)} [{100 * options.confidence:g} % CI]"),
        Column("SD"),
    ]
    has_other = any(not math.isnan(result.other) for result in results)
    columns += [Column(other)] if has_other else []
    for against in options.against:
        columns += [Column(f"difference to {against}")]
    columns += [
        Column("parameters"),
        Column("s / epoch"),
        Column("firing rate"),
        Column("replicates", False),
    ]
    rows = []
    for result in results:
        cells = [
            arm_cell(result, options),
            n_cell(result),
            value_cell(result, options, result.arm == best),
            Cell(show(result.sd, options), result.sd),
        ]
        cells += [Cell(show(result.other, options), result.other)] if has_other else []
        for against in options.against:
            cells += [difference_cell(result.differences.get(against), options)]
        costs = result.costs
        cells += [Cell(number(costs["parameters"], 0), costs["parameters"])]
        cells += [
            Cell(significant_digits(costs[key]), costs[key])
            for key in ("seconds_per_epoch", "firing_rate")
        ]
        searched = states_text(dict(result.states["search"])) if "search" in result.states else ""
        ended = states_text(dict(result.states.get("replicate", {})))
        rows.append(
            (
                *cells,
                Cell(ended, ended, tone="quiet", note=f"search: {searched}" if searched else ""),
            )
        )
    title = f"{study.name}: {metric_name(options)} per arm"
    paper = (
        0,
        1,
        2,
        *(3 + has_other + k for k in range(1, 2 + len(options.against))),
    )  # up to the parameters
    return Table(
        "main", title, caption(results, options), tuple(columns), tuple(rows), frame(results), paper
    )


def frame(results: Sequence[ArmResult]) -> pd.DataFrame:
    """Raw numbers, one row per arm; differences as diff_<arm>, diff_<arm>_low ... ; accuracies as fractions."""
    lines = []
    for result in results:
        line = {"arm": result.arm, "role": result.role, "n": result.n, "planned": result.planned}
        line |= {key: getattr(result, key) for key in ("mean", "sd", "low", "high", "other")}
        for against, record in result.differences.items():
            line |= {f"diff_{against}": record.mean} | {
                f"diff_{against}_{key}": getattr(record, key) for key in ("low", "high")
            }
            line |= {
                f"p_{against}": record.p,
                f"p_corrected_{against}": record.p_corrected,
                f"verdict_{against}": record.verdict,
            }
        line |= dict(result.costs)
        for kind, counts in result.states.items():
            line |= {f"{kind}_{state}": counts.get(state, 0) for state in STATES}
        lines.append(line)
    return pd.DataFrame(lines)


def short_table(study: Study, results: Sequence[ArmResult], options: Options) -> Table:
    """The main table, narrow enough for a terminal."""
    columns = [Column("arm", False), Column("n"), Column(metric_header(options))]
    columns += [Column(f"− {against}") for against in options.against] + [
        Column("replicates", False)
    ]
    best, rows, used = best_arm(results, options), [], set()
    for result in results:
        cells = [
            arm_cell(result, options),
            n_cell(result),
            value_cell(result, options, result.arm == best),
        ]
        for against in options.against:
            record = result.differences.get(against)
            cell = difference_cell(record, options)
            word = (
                record.verdict
                if record and cell.significant
                else SHORT_VERDICTS[record.verdict.split()[0]]
                if record
                else ""
            )
            used.add(word)
            cells.append(Cell(f"{cell.text} {word}".strip(), significant=cell.significant))
        rows.append((*cells, Cell(all_states(result))))
    meanings = {
        "n.d.": "n.d.: not distinguishable with these seeds.",
        "n too small": "n too small: no data could be significant with these seeds.",
    }
    text = " ".join(
        [
            caption(results, options),
            *(meaning for word, meaning in meanings.items() if word in used),
        ]
    )
    title = (
        f"{study.name}: {metric_name(options)} [{100 * options.confidence:g} % confidence interval]"
    )
    if study.unfinished:
        title += f"  ({study.unfinished} of {len(study.trials)} trials not finished yet)"
    return Table("short", title, text, tuple(columns), tuple(rows), frame(results))


def comparison_table(results: Sequence[ArmResult], options: Options) -> Table:
    """Every test of the main table with its p values and effect size."""
    headers = (
        "against",
        "n",
        "difference",
        "p",
        f"p ({options.correction})",
        "effect size d",
        "verdict",
    )
    columns = (
        Column("arm", False),
        *(Column(header, header not in ("against", "verdict")) for header in headers),
    )
    rows, lines = [], []
    for result in results:
        for record in result.differences.values():
            if (record.against, result.arm) == options.against:
                continue  # the reference against the baseline is listed the other way round
            cells = [
                Cell(result.arm, result.arm),
                Cell(record.against, record.against),
                Cell(str(record.n), record.n),
            ]
            cells += [
                replace(difference_cell(record, options), note=""),
                Cell(p_text(record.p), record.p),
                Cell(p_text(record.p_corrected), record.p_corrected),
            ]
            rows.append((*cells, Cell(number(record.effect), record.effect), verdict_cell(record)))
            lines.append({"arm": result.arm, **vars(record)})
    text = "n: paired seeds. Effect size: Hedges-corrected Cohen's d of the paired differences (mean over their standard deviation)."
    return Table("comparisons", "Every comparison", text, columns, tuple(rows), pd.DataFrame(lines))


def cost_table(results: Sequence[ArmResult]) -> Table:
    """What a replicate of each arm costs, on average."""
    headers = (
        "parameters",
        "s / epoch",
        "peak memory (MB)",
        "MACs / image (M)",
        "ACs / image (M)",
        "energy / image (µJ)",
        "firing rate",
    )
    rows = []
    for result in results:
        cells = [Cell(number(result.costs["parameters"], 0), result.costs["parameters"])]
        cells += [
            Cell(significant_digits(result.costs[key] * scale), result.costs[key])
            for key, (_, scale) in list(COSTS.items())[1:]
        ]
        rows.append((Cell(result.arm, result.arm), *cells))
    text = (
        "Means over completed replicates. Energy is an estimate for inference: 0.9 pJ an accumulate (AC), 4.6 pJ a"
        " multiply-accumulate (MAC); firing rate in spikes per cell and time step. Seconds depend on what else the machine did."
    )
    raw = pd.DataFrame([{"arm": result.arm, **result.costs} for result in results])
    return Table(
        "cost",
        "Cost",
        text,
        (Column("arm", False), *(Column(header) for header in headers)),
        tuple(rows),
        raw,
    )


def state_table(study: Study, results: Sequence[ArmResult]) -> Table:
    """How the trials ended, and the most frequent reason for a bad end."""
    seen = [state for state in STATES if (study.trials["state"] == state).any()]
    columns = (
        Column("arm", False),
        Column("kind", False),
        *(Column(state.replace("_", " ")) for state in seen),
        Column("retries"),
    )
    rows, lines = [], []
    for result in results:
        for kind, counts in result.states.items():
            mine = study.trials[
                (study.trials["arm"] == result.arm) & (study.trials["kind"] == kind)
            ]
            reasons = (
                mine.loc[~mine["state"].isin(("completed", "pruned")), "reason"]
                .dropna()
                .value_counts()
            )
            reason = str(reasons.index[0]) if len(reasons) else ""
            retries = int(mine["retries"].fillna(0).sum())
            cells = [
                Cell(result.arm, result.arm),
                Cell(kind, kind),
                *(Cell(str(counts.get(s, 0)), counts.get(s, 0)) for s in seen),
            ]
            rows.append((*cells, Cell(str(retries), retries), Cell(reason, reason, tone="quiet")))
            lines.append(
                {
                    "arm": result.arm,
                    "kind": kind,
                    **{s: counts.get(s, 0) for s in seen},
                    "retries": retries,
                    "reason": reason,
                }
            )
    text = "Number of trials in each state. A trial that diverged or ran out of memory has no accuracy and enters no mean."
    columns = (*columns, Column("most frequent reason", False))
    return Table("states", "How the trials ended", text, columns, tuple(rows), pd.DataFrame(lines))
