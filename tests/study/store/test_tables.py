"""The tidy tables."""

from __future__ import annotations

from pathlib import Path

from study import store
from study.store.tables import Tables, row_of
from tests.study.store.an_epoch import ROW


def outcome(identity: str, metrics: dict[str, float]) -> store.Outcome:
    return store.Outcome(identity, store.State.COMPLETED, epochs=1, metrics=metrics)


def test_tables_are_tidy(tmp_path: Path) -> None:
    tables = Tables(tmp_path, ["full", "bn"], ["circuit.init.gain"])
    bn = store.Role("bn", store.Kind.SEARCH, 0)
    full = store.Role("full", store.Kind.SEARCH, 0, parameters={"circuit.init.gain": 0.1})
    metrics = {"val/accuracy": 0.5, "test/accuracy": 0.5}
    tables.put(bn.key, row_of(bn, outcome("0" * 12, metrics)))
    tables.put(full.key, row_of(full, outcome("a" * 12, {"val/accuracy": 0.25})))
    assert tables.add_epoch("a" * 12, ROW) is True
    assert tables.add_epoch("a" * 12, ROW) is False
    tables.write(now=True)
    frame, epochs = store.trials_frame(tmp_path), store.epochs_frame(tmp_path)
    assert list(frame["arm"]) == ["full", "bn"]
    assert frame["test/accuracy"].isna().all()
    assert frame["circuit.init.gain"].tolist()[0] == 0.1
    assert epochs.loc[0, "train/loss"] == ROW["train/loss"]


def test_what_an_arm_overrides_has_columns(tmp_path: Path) -> None:
    """Also where an arm has a list, or null, in the place of the reference's value."""
    overrides = {"full": {}, "slow": {"neuron.tau": 8.0, "model.input_shape": [1, 8, 8]}}
    tables = Tables(tmp_path, list(overrides), [], overrides=overrides)
    for arm in overrides:
        role = store.Role(arm, store.Kind.REPLICATE, 0)
        tables.put(role.key, row_of(role, outcome("a" * 12, {})))
    tables.write(now=True)
    frame = store.trials_frame(tmp_path).set_index("arm")
    assert frame.loc["slow", "override/neuron.tau"] == 8.0
    assert frame.loc["slow", "override/model.input_shape"] == "[1, 8, 8]"
    assert frame.filter(like="override/").loc["full"].isna().all()


def test_metrics_of_the_users_have_columns(tmp_path: Path) -> None:
    tables = Tables(tmp_path, ["full"], [], ["f1"])
    role = store.Role("full", store.Kind.REPLICATE, 0, repeat=1)
    tables.put(role.key, row_of(role, outcome("a" * 12, {"val/f1": 0.5, "test/f1": 0.25})))
    tables.add_epoch("a" * 12, {**ROW, "val/f1": 0.75})
    tables.write(now=True)
    frame, epochs = store.trials_frame(tmp_path), store.epochs_frame(tmp_path)
    assert frame.loc[0, ["repeat", "val/f1", "test/f1"]].tolist() == [1, 0.5, 0.25]
    assert epochs["val/f1"].tolist() == [0.75]
