"""From a study file to its arms, and from an arm to the configs and ids of its trials."""

from study.plan.arm import Arm
from study.plan.plan import Plan, make_plan
from study.plan.record import incomparable, plan_record, search_name
from study.plan.wanted import Wanted

__all__ = [
    "Arm",
    "Plan",
    "Wanted",
    "incomparable",
    "make_plan",
    "plan_record",
    "search_name",
]
