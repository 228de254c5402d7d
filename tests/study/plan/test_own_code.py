"""Users' own code in a study: tried for every arm, looked for, and named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisnn.config import code_digests, user_code
from eisnn.errors import ConfigError
from study.plan import Plan, own_code

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]
LAYERS = """
from torch import nn

class Mine(nn.Module):
    def __init__(self, n_in, n_out, config):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)

    def forward(self, x):
        return self.linear(x)

def build(config, shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))

def measure(model, x):
    return []
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path) -> Iterator[str]:
    """A module of the user's beside the study file, forgotten after the test."""
    (tmp_path / "code_of_a_plan.py").write_text(LAYERS)
    user_code.look_in([tmp_path])
    code_digests.digest.cache_clear()
    yield "code_of_a_plan"
    sys.modules.pop("code_of_a_plan", None)
    code_digests.digest.cache_clear()


def test_without_own_code_nothing_is_said(plan_of: PlanOf, study_tree: Tree) -> None:
    plan = plan_of(study_tree)
    own_code.check(plan, "s.yaml")
    assert own_code.notes(plan) == []


def test_a_network_that_fails_names_its_arm(plan_of: PlanOf, study_tree: Tree, module: str) -> None:
    study_tree["baselines"] = {"mine": {"model.factory": f"{module}:build"}}
    with pytest.raises(ConfigError) as caught:
        own_code.check(plan_of(study_tree), "s.yaml")
    line = str(caught.value)
    assert line.startswith(f"s.yaml: arm mine: model.factory: {module}:build: ")
    assert "must return logits of shape (2, 10)" in line


def test_diagnostics_and_metrics_are_looked_for(
    plan_of: PlanOf, study_tree: Tree, module: str
) -> None:
    study_tree |= {
        "diagnostics": f"{module}:mesure",
        "metrics": {"mine": {"function": f"{module}:absent"}},
    }
    with pytest.raises(ConfigError) as caught:
        own_code.check(plan_of(study_tree), "s.yaml")
    metrics, diagnostics = sorted(str(caught.value).splitlines(), reverse=True)
    assert metrics.startswith(f"s.yaml: metrics.mine: {module}:absent: ")
    assert diagnostics.startswith(f"s.yaml: diagnostics: {module}:mesure: ")
    assert diagnostics.endswith("did you mean 'measure'?")


def test_energy_is_no_objective_where_layers_are_the_users(
    plan_of: PlanOf, study_tree: Tree, module: str
) -> None:
    study_tree["second_objective"] = {"name": "energy_nj"}
    study_tree["baselines"] = {"mine": {"model.norm": f"{module}:Mine"}}
    with pytest.raises(ConfigError, match="energy_nj cannot be counted in layers of your"):
        own_code.check(plan_of(study_tree), "s.yaml")


def test_code_that_will_run_is_named_with_its_file(
    plan_of: PlanOf, study_tree: Tree, module: str, tmp_path: Path
) -> None:
    study_tree["diagnostics"] = f"{module}:measure"
    (note,) = own_code.notes(plan_of(study_tree))
    assert note.startswith(f"runs your code: diagnostics: {module}:measure ({tmp_path}")
