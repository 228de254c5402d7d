"""The arms that no other arm beats in both cost and metric, and those that may be among them.

An arm at chance is left out: it is cheap because it does not work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from reports.analysis.compare import ArmResult
from reports.analysis.options import Options


class Place(StrEnum):
    FRONT = "on the front"
    PERHAPS = "not told apart from the front"
    BEHIND = "behind"


def places(results: Sequence[ArmResult], cost: str, options: Options) -> dict[str, Place]:
    """Returns the place of each arm with a cost and a replicate that trained.

    An arm is on the front if, by the means, no arm of equal or lower cost is better. It is behind
    only if the interval of such a better arm lies wholly above its own; if they overlap, or if
    there is no interval, it may be on the front.
    """
    sign = 1.0 if options.higher_is_better else -1.0
    known = [r for r in results if r.trained.trained and not math.isnan(r.costs[cost])]
    found = {}
    for result in known:
        cheaper = [r for r in known if r is not result and r.costs[cost] <= result.costs[cost]]
        better = [r for r in cheaper if sign * r.mean > sign * result.mean]
        apart = [r for r in better if r.low > result.high or r.high < result.low]
        if not better:
            found[result.arm] = Place.FRONT
        else:
            found[result.arm] = Place.BEHIND if apart else Place.PERHAPS
    return found
