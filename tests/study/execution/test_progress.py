"""How far each arm is, counted by hand."""

from __future__ import annotations

from typing import Any

from eisnn.errors import Diverged
from study.execution.progress import progress
from tests.study.agenda.played import failing

Tree = dict[str, Any]


def test_a_study_that_is_done(world: Any, study_tree: Tree) -> None:
    """Each arm has two search trials and two replicates of two epochs."""
    agenda = world(study_tree).play()
    records = progress(agenda)
    assert [record.name for record in records] == ["full", "no_straight_through", "bn"]
    for record in records:
        counts = (record.total, record.done, record.running, record.unwell, record.epochs)
        assert counts == (4, 4, 0, 0, 8)
    values = [row["val/accuracy"] for key, row in agenda.tables.rows.items() if key.arm == "bn"]
    assert records[2].best == max(values)


def test_a_study_that_has_just_begun(world: Any, study_tree: Tree) -> None:
    agenda = world(study_tree).open()
    agenda.next()
    full, other, _ = progress(agenda)
    assert (full.total, full.done, full.running, full.best) == (4, 0, 1, None)
    assert (other.total, other.done, other.running) == (4, 0, 0)


def test_an_arm_without_a_configuration_has_no_replicates_to_come(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    agenda = world(study_tree).play(fit=failing(fit, ZeroDivisionError("x")))
    bn = progress(agenda)[2]
    assert (bn.total, bn.done, bn.unwell, bn.best) == (2, 2, 2, None)


def test_the_best_of_a_loss_is_the_smallest(world: Any, study_tree: Tree, fit: Any) -> None:
    study_tree["metric"] = {"name": "val/loss", "mode": "min"}

    def by_rate(config: Any, **options: Any) -> dict[str, float]:
        metrics: dict[str, float] = fit(config, **options)
        if config.train.learning_rate > 0.5:
            raise Diverged("silent")
        return metrics | {"val/loss": config.train.learning_rate}

    agenda = world(study_tree).play(fit=by_rate)
    losses = [row["val/loss"] for key, row in agenda.tables.rows.items() if key.arm == "full"]
    assert progress(agenda)[0].best == min(losses)
