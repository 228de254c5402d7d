"""The firing rate below which a spiking network takes less energy than its quantised equal.

Moving data costs more than arithmetic (Dampfhoffer et al. 2022). Yan, Bai, Tang and Wong (arXiv
2409.08290, version 4) therefore compare a spiking network of T steps and firing rate s with the
same network whose activations are numbers of b = ceil(log2(T + 1)) bits, once, both with weights of
w bits. One connection takes, in pJ:

    spikes   T s (event + w weight + add)          an event is routed, a weight read and added
    numbers  b move + w weight + g b add           a number is moved; g b additions multiply it

where g is the fraction of numbers that are not 0. A rate s goes with g between s and T s; with the
mean of the bounds on s, g (1 / T + 1) / 2, it is g = 2 s T / (T + 1). Both take the same at

    s* = (b move + w weight) / (T (event + w weight + add (1 - 2 b / (T + 1))))

The prices assume 22 nm CMOS: event 3.0 pJ a bit and hop (Loihi's routing) over one hop, move 0.25
pJ, add 0.05448 pJ. Control costs nothing, which favours spikes. ``weight`` was not found in what
could be read of the paper: 0.0367 pJ a bit makes s* its 5.7 % at T = 5, w = 4. Other values of the
paper then follow to within 0.3 points (tests/eisnn/diagnostics/test_break_even.py), except at
T = 1, where its spikes travel in dense form.

Only the 5.7 % was read in the paper itself (its abstract). The prices and further values come from
a public summary of version 4, and the equation's form was chosen to agree with them.

One rate stands for the whole network. Images in the first layer and products with W_EI, which are
not spikes, are left out (energy with memory traffic, `eisnn.diagnostics.workload`, counts them).
"""

from __future__ import annotations

import math

EVENT, MOVE = 3.0, 0.25  # pJ for a bit: routed as an event, moved with its neighbours
ADD = 0.05448  # pJ
WEIGHT = 0.0367  # pJ for a bit
WEIGHT_BITS = 4


def break_even_rate(T: int, weight_bits: int = WEIGHT_BITS) -> float:
    """Returns s*, in spikes per cell and time step, for T of at least 2.

    >>> round(break_even_rate(5), 3)
    0.057
    """
    bits = math.ceil(math.log2(T + 1))
    weight = weight_bits * WEIGHT
    return (bits * MOVE + weight) / (T * (EVENT + weight + ADD * (1 - 2 * bits / (T + 1))))
