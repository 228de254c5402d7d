"""The text of the study's tables."""

from __future__ import annotations

from study.store.columns import EPOCH_COLUMNS, TRIAL_COLUMNS, table_text


def test_numbers_keep_every_digit_and_what_is_missing_is_empty() -> None:
    rows = [{"id": "a", "loss": 0.1 + 0.2, "more": 1}, {"id": "b", "loss": None}, {"loss": 2}]
    assert table_text(["id", "loss"], rows) == "id,loss\na,0.30000000000000004\nb,\n,2\n"


def test_words_with_commas_and_quotes_are_quoted() -> None:
    assert table_text(["reason"], [{"reason": 'it said "no", twice'}]) == (
        'reason\n"it said ""no"", twice"\n'
    )


def test_tables_join_on_the_id_and_no_column_stands_twice() -> None:
    assert EPOCH_COLUMNS[:2] == ("id", "epoch")
    assert TRIAL_COLUMNS[:5] == ("id", "arm", "kind", "number", "repeat")
    for columns in (EPOCH_COLUMNS, TRIAL_COLUMNS):
        assert len(set(columns)) == len(columns)
