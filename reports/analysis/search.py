"""The results of searches as records: budgets, importance, tuned values, and overtuning."""

from reports.analysis.budget import Array, Budget, Flip, best_so_far, expected_best, flips
from reports.analysis.importance import LEAST_FOR_IMPORTANCE, Importance, importances
from reports.analysis.trials import (
    Objective,
    as_choice,
    noise,
    objective,
    searched_parameters,
    trials_of,
)
from reports.analysis.tuned import Overtuning, Tuned, edge, overtuning, tuned_values

__all__ = [
    "LEAST_FOR_IMPORTANCE",
    "Array",
    "Budget",
    "Flip",
    "Importance",
    "Objective",
    "Overtuning",
    "Tuned",
    "as_choice",
    "best_so_far",
    "edge",
    "expected_best",
    "flips",
    "importances",
    "noise",
    "objective",
    "overtuning",
    "searched_parameters",
    "trials_of",
    "tuned_values",
]
