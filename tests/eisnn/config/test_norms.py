"""The table of norms: whatever it names can be built, and nothing else."""

from eisnn.config.norms import CIRCUIT_NORMS, NORMS
from eisnn.layers.normalize import BUILDERS


def test_every_norm_is_a_circuit_or_has_its_builder():
    assert CIRCUIT_NORMS == ("ei", "dann")
    assert set(NORMS) == {*CIRCUIT_NORMS, *BUILDERS}
