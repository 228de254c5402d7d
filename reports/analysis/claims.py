"""``report.claims``: planned comparisons with a direction, judged holds, fails or undecided.

A claim belongs to the family of the page and is judged by the same simultaneous interval as every
verdict. "worse" holds if the whole interval is worse by more than the margin, and fails if no part
of it is; "not_worse" is its negation, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reports.analysis import outcomes
from reports.analysis.collect import Study
from reports.analysis.differences import Difference, differences, simultaneous
from reports.analysis.options import Claim, Options


class Judgement(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


OPPOSITE = {Judgement.HOLDS: Judgement.FAILS, Judgement.FAILS: Judgement.HOLDS}


@dataclass(frozen=True)
class Judged:
    """A claim with its comparison and its judgement."""

    claim: Claim
    record: Difference
    judgement: Judgement


def judge(low: float, high: float, claim: Claim, *, higher: bool) -> Judgement:
    """Judges a claim by the interval of arm minus against; NaN bounds leave it undecided."""
    if not low <= high:
        return Judgement.UNDECIDED
    if not higher:
        low, high = -high, -low  # more is better from here on
    margin = claim.margin
    if claim.is_ == "equivalent":
        inside = -margin < low and high < margin
        outside = high < -margin or low > margin
        return _word(inside, outside)
    if claim.is_ in ("worse", "not_worse"):
        found = _word(high < -margin, low >= -margin)
    else:
        found = _word(low > margin, high <= margin)
    if claim.is_.startswith("not_"):
        return OPPOSITE.get(found, found)
    return found


def _word(holds: bool, fails: bool) -> Judgement:
    if holds:
        return Judgement.HOLDS
    return Judgement.FAILS if fails else Judgement.UNDECIDED


def claims(study: Study, options: Options) -> list[Judged]:
    """Returns one record per claim, in the study file's order."""
    if not options.claims:
        return []
    values = outcomes.values(study, options)
    trained = {arm: outcomes.trained(study, options, arm) for arm in study.arm_names}
    records = differences(study, values, trained, options)
    found = []
    for claim in options.claims:
        record = records[claim.arm, claim.against]
        low, high = simultaneous(record, options)
        word = judge(low, high, claim, higher=options.higher_is_better)
        found.append(Judged(claim, record, word))
    return found
