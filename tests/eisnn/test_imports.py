"""Imports without the garbage collector, which is afterwards as it was."""

import gc

import pytest

from eisnn.imports import uncollected


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_pauses_and_is_left_as_it_was(was_on):
    (gc.enable if was_on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is was_on
    finally:
        gc.enable()
