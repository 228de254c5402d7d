"""The paper's paragraphs on the study's methods and on its compute."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.compute import Compute, compute
from reports.analysis.options import Options
from reports.analysis.searched import label_of
from reports.analysis.trials import objective
from reports.analysis.verdicts import plural
from reports.analysis.words import metric_name, reading, significant_digits
from reports.paper.latex import label
from reports.paper.references import cite, data_key, sampler_key
from reports.paper.tables import selection_rule
from reports.tables.captions import failures, test
from reports.tables.table import latex

SAMPLERS = {"tpe": "TPE", "random": "random search", "gp": "a Gaussian process", "grid": "a grid"}


def methods(study: Study, results: Sequence[ArmResult], options: Options) -> str:
    """Describes how arms were tuned, trained again, measured and compared, in LaTeX."""
    paragraphs = [_arms(study), _search(study), _replicates(study, options), _tests(study, options)]
    return "\n".join(text for text in paragraphs if text) + "\n"


def _arms(study: Study) -> str:
    roles = [arm.role for arm in study.arms]
    ablations, baselines = roles.count("ablation"), roles.count("baseline")
    base = next((arm.base for arm in study.arms if arm.base), "")
    data = study.plan.get("data") or {}
    text = f"We compared {len(study.arms)} networks"
    if study.of_role("reference"):
        text += (
            f": a reference, {plural(ablations, 'ablation')} and {plural(baselines, 'baseline')}"
        )
    if base:
        text += f" (base configuration {base})"
    text = latex(f"{text}.")
    if data.get("name"):
        part = ""
        if held := data.get("validation_fraction"):
            part = f", of whose training images {100 * held:g} % were held out"
        known = cite(data_key(str(data["name"])))
        text += latex(f" They were trained on {data['name']}") + known + latex(f"{part}.")
    return text


def _search(study: Study) -> str:
    plan = study.plan.get("search")
    spaces = study.plan.get("parameters") or {}
    if not plan or not spaces:
        return latex("No hyperparameter was tuned.")
    sampler, pruner = plan.get("sampler", "tpe"), (plan.get("pruner") or {}).get("type", "none")
    trials = max(arm.search_trials for arm in study.arms) or plan.get("trials")
    repeats = int(study.plan.get("repeats") or 1)
    each = "The reference's"
    if study.plan.get("tune", "each") == "each":
        each = "Each arm's"
    text = latex(f"{each} hyperparameters ({len(spaces)}; ") + f"Table~\\ref{{{_ranges(study)}}}"
    text += latex(f") were tuned by {SAMPLERS.get(sampler, sampler)}") + cite(sampler_key(sampler))
    text += " in Optuna" + cite("optuna") + latex(f" with {trials} trials an arm")
    if (seeds := plan.get("seeds", 1)) > 1:
        text += latex(f", each configuration judged by its mean over {seeds} training seeds")
    if pruner != "none":
        name = pruner.upper() if pruner == "asha" else pruner
        known = cite(pruner) if pruner in ("asha", "hyperband") else ""
        text += latex(f", pruned by {name}") + known
    goal = latex(label_of(objective(study)).removesuffix(" (%)").replace("val ", "validation "))
    text += f", judged on {goal}. {latex(selection_rule(study))}"
    if repeats > 1:
        text += latex(f" The whole search was repeated {repeats} times with different seeds.")
    return text


def _ranges(study: Study) -> str:
    return label(study.name, "ranges")


def _replicates(study: Study, options: Options) -> str:
    seeds, first = study.plan.get("seeds"), study.plan.get("first_seed")
    if not seeds:
        return ""
    numbers = further = images = ""
    if options.repeats > 1:
        apart = study.plan.get("seeds_apart", seeds)  # older versions had them side by side
        further = f", {apart:,} higher in each further repeat"
    if first is not None:
        numbers = f" ({first} to {first + seeds - 1}{further})"
    if options.test_images:
        images = f" of {options.test_images:,} images"
    return latex(
        f"The chosen configuration of each arm was trained again from {plural(seeds, 'fresh seed')}"
        f"{numbers}, the same for every arm, and measured once on the test set{images}"
        f" ({metric_name(options)} {reading(options)})."
    )


def _tests(study: Study, options: Options) -> str:
    text = f"{failures(study, options)} {test(options)}".strip()
    return latex(text.replace(" (* decided)", ""))


def compute_text(study: Study) -> str:
    """Answers the reproducibility lists' questions on compute, in LaTeX."""
    found = compute(study)
    parts = [_hours(found), _hardware(found), _software(found)]
    return "\n".join(latex(part) for part in parts if part) + "\n"


def _hours(found: Compute) -> str:
    shares = "; ".join(
        f"{share.name}: {share.trials:,} in {hours_text(share.hours)}" for share in found.shares
    )
    text = (
        f"Training took {hours_text(found.hours)} in all, over {found.trials:,} trials ({shares})."
    )
    if not math.isnan(found.per_run):
        text += f" A completed replicate took {hours_text(found.per_run)} on average."
    if not math.isnan(found.peak_memory_mb):
        text += f" Peak memory of a trial: {significant_digits(found.peak_memory_mb)} MB."
    if not math.isnan(found.joules):
        text += (
            f" The machines' counters (RAPL, NVML) charge {significant_digits(found.joules / 1000)}"
            " kJ to these trials, by their parts of the processor time and of graphics cards."
        )
    return text


def hours_text(hours: float) -> str:
    """Returns a text such as '3.2 hours', '12 minutes' or '40 seconds'."""
    for unit, factor in (("hours", 1), ("minutes", 60)):
        if hours * factor >= 1:
            return f"{significant_digits(hours * factor)} {unit}"
    return f"{significant_digits(hours * 3600)} seconds"


def _hardware(found: Compute) -> str:
    texts = []
    for machine in found.machines:
        gpus = machine.get("gpus") or []
        device = ", ".join(map(str, gpus)) if gpus else "no GPU"
        cpu, cores = machine.get("cpu", "unknown CPU"), machine.get("cpus", "?")
        texts.append(f"{cpu}, {cores} cores, {machine.get('memory_gb', '?')} GB memory, {device}")
    return _listed("Hardware", texts)


def _software(found: Compute) -> str:
    texts = []
    for machine in found.machines:
        packages = ", ".join(f"{name} {v}" for name, v in (machine.get("packages") or {}).items())
        commit = ""
        if machine.get("commit"):
            commit = f", commit {machine['commit'][:10]}"
        texts.append(f"Python {machine.get('python', '?')}{commit}; {packages}")
    return _listed("Software", texts)


def _listed(title: str, texts: Sequence[str]) -> str:
    """Returns a sentence that lists each different text once; an empty text without any."""
    if not texts:
        return ""
    return f"{title}: {'; '.join(dict.fromkeys(texts))}."
