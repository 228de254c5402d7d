"""The kinds of layers that `model.norm` knows by name.

To add a normalisation, add an entry here and a builder in `eisnn.layers.normalize.BUILDERS`. This
module does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Norm:
    """What is known about a kind of layer before it is built.

    Attributes:
        is_circuit: it is an E-I circuit, and the config has a `circuit` section.
        varies_in_time: the current of a static image differs between time steps.
        has_bias: it adds a learned number to each cell, so that the map below it does not.
        in_cells: it normalises the cells' potentials, too.
        macs, acs: operations per cell and position at inference; 0 where the statistics are known
            beforehand and fold into the weights or the threshold.
    """

    is_circuit: bool = False
    varies_in_time: bool = False
    has_bias: bool = True
    in_cells: bool = False
    macs: int = 0
    acs: int = 0


NORMS = {
    "ei": Norm(is_circuit=True),
    "dann": Norm(is_circuit=True),
    "bn": Norm(),
    "tdbn": Norm(),
    "tebn": Norm(varies_in_time=True),
    "bntt": Norm(varies_in_time=True),
    "mpbn": Norm(in_cells=True),
    "gn": Norm(macs=2, acs=1),  # square for the statistic, scale and shift; mean
    "rmsnorm": Norm(macs=2),
    "sws": Norm(has_bias=False),
    "issnn": Norm(has_bias=False),
    "none": Norm(has_bias=False),
}
CIRCUIT_NORMS = tuple(name for name, norm in NORMS.items() if norm.is_circuit)
