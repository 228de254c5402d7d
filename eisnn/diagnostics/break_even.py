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

Assumed, of 22 nm CMOS: event 3.0 pJ a bit and hop (Loihi's routing), move 0.25 pJ, add 0.05448 pJ,
one hop; control costs nothing, which favours spikes. ``weight`` is not stated where we could read:
0.0367 pJ a bit is what makes s* the paper's 5.7 % at T = 5, w = 4. Other values of the paper then
follow to within 0.3 points (tests/eisnn/diagnostics/test_break_even.py); at T = 1 it has spikes
travel in dense form, and they do not.

Only the 5.7 % was read in the paper itself (its abstract); prices and further values are those that
a public summary of version 4 gives, and the form of the equation is what agrees with them.

Networks are taken whole: images in the first layer and products with W_EI, which are no spikes, are
not in it (energy with memory traffic, `eisnn.diagnostics.workload`, has them).
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
