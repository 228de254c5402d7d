"""The family of comparisons in a plan, and when the study looks at their verdicts."""

from __future__ import annotations

from study.plan.plan import Plan


def comparisons(plan: Plan) -> list[tuple[str, str]]:
    """Returns every comparison that the plan names, each pair of arms once."""
    report = plan.spec.report
    found: dict[frozenset[str], tuple[str, str]] = {}
    for other in (plan.reference.name, plan.baseline.name):
        for arm in plan.arms:
            found.setdefault(frozenset((arm.name, other)), (arm.name, other))
    for one, other in report.pairs:
        found.setdefault(frozenset((one, other)), (one, other))
    for claim in report.claims:
        found.setdefault(frozenset((claim.arm, claim.against)), (claim.arm, claim.against))
    return [pair for names, pair in found.items() if len(names) == 2]


def looks(first: int, most: int) -> list[int]:
    """Returns the numbers of seeds, or repeats, after which the study looks at its verdicts.

    >>> looks(5, 18)
    [5, 10, 15, 18]
    """
    if not first:
        return []
    return [*range(first, most, first), max(most, first)]


def looks_of(plan: Plan) -> list[int]:
    """Returns the numbers of repeats, or seeds, at which the plan looks; one without ``until``."""
    if plan.grows_by_repeats:
        return looks(plan.repeats, plan.most_repeats)
    replicate = plan.spec.replicate
    return looks(replicate.seeds, replicate.largest)
