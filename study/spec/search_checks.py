"""Checks of a study file's searches: points, pruners, seeds and repeats."""

from __future__ import annotations

from collections.abc import Iterator

from eisnn.config.messages import suggestion
from study.spec.models import StudySpec
from study.spec.search import CONSTRAINED, Search


def search_problems(spec: StudySpec) -> Iterator[str]:
    search = spec.search
    if search is None:
        if spec.parameters and spec.tune != "none":
            yield (
                "search: is required when there are parameters, such as {trials: 20}; "
                "or give tune: none"
            )
        return
    if not spec.parameters and spec.tune != "none":
        yield "parameters: a search needs at least one parameter; or give tune: none"
    yield from _points(spec, search)
    for name in search.constraints:
        if name not in CONSTRAINED:
            yield f"search.constraints.{name}: must be a metric{suggestion(name, CONSTRAINED)}"
    yield from _pruner(search)
    if spec.second_objective is not None:
        yield from _two_objectives(search)
    if search.sampler == "grid":
        for path, parameter in spec.parameters.items():
            if parameter.type == "float" and parameter.step is None:
                advice = "give step, or another sampler"
                yield f"parameters.{path}: sampler grid needs a step or choices; {advice}"
    yield from _seeds(spec)
    yield from _until(spec)


def _points(spec: StudySpec, search: Search) -> Iterator[str]:
    """Checks that the points to try first name parameters, with values that these can have."""
    for index, point in enumerate(search.points):
        for path, value in point.items():
            key = f"search.points.{index}.{path}"
            if path not in spec.parameters:
                yield f"{key}: must name a parameter{suggestion(path, spec.parameters)}"
            elif not spec.parameters[path].can_be(value):
                yield f"{key}: must be {spec.parameters[path].describe()}, given {value!r}"


def _two_objectives(search: Search) -> Iterator[str]:
    """Checks that nothing in the file needs a single objective."""
    if search.sampler == "cmaes":
        yield "search.sampler: cmaes takes one objective only; give tpe with a second_objective"
    if search.pruner.type != "none":
        given = search.pruner.type
        yield f"search.pruner.type: must be none with a second_objective, given {given}"
    if search.diverged == "worst":
        yield (
            "search.diverged: must be fail with a second_objective (a cost has no worst "
            "value), given worst"
        )


def _pruner(search: Search) -> Iterator[str]:
    """Checks that the pruner suits the number of seeds: wilcoxon compares seeds, others epochs."""
    given, seeds, least = search.pruner.type, search.seeds, search.pruner.least_seeds
    if given == "wilcoxon" and seeds < least:
        yield (
            f"search.pruner.type: wilcoxon compares seeds, and with p_threshold "
            f"{search.pruner.p_threshold:g} it can save no training unless search.seeds is at "
            f"least {least}, given {seeds}"
        )
    if given not in ("none", "wilcoxon") and seeds > 1:
        yield f"search.pruner.type: must be none or wilcoxon with search.seeds, given {given}"


def _seeds(spec: StudySpec) -> Iterator[str]:
    """Checks that the replicates' seeds are fresh: no search trial trains with them."""
    replicate, search = spec.replicate, spec.search
    if search is None or not spec.tuned:
        return
    if search.training_seed(search.largest - 1, search.seeds - 1) >= 2**31:
        yield f"search.seed: with repeats and seeds it must stay below 2^31, given {search.seed}"
    for repeat in range(search.largest):
        first, last = (replicate.seed(repeat, index) for index in (0, replicate.largest - 1))
        for index in range(search.seeds):
            lowest, highest = (search.training_seed(i, index) for i in (0, search.largest - 1))
            if first <= highest and lowest <= last:
                searched, given = f"{lowest}", f"{first} to {last}"
                if search.largest > 1:
                    searched += f" to {highest}"
                if repeat:
                    given += f" in repeat {repeat}"
                yield (
                    "replicate.first_seed: fresh seeds must not include the search's seed "
                    f"{searched}, given {given}"
                )
                return


def _until(spec: StudySpec) -> Iterator[str]:
    """Checks that only repeats or only seeds grow, since looks at both would exceed alpha."""
    if spec.search is None or spec.search.until is None:
        return
    if spec.replicate.until is not None:
        yield "search.until: replicate.until is given too; let one of the two grow"
    if spec.replicate.seeds == 0:
        yield "search.until: verdicts need replicate.seeds of at least 1, given 0"
