"""How many operations, and so about how much energy, one inference takes: counted, not measured.

    AC    one addition of a weight to a current                       0.9 pJ
    MAC   one multiplication and the addition of its product          4.6 pJ

at 32 bits in 45 nm CMOS (Horowitz, ISSCC 2014), as is usual for spiking nets (Rathi & Roy,
*DIET-SNN*, 2021). Memory traffic, the LIF cells' own updates and padding are not counted, for any
network. What counts as what:

* **First layer of a static image**: real-valued pixels, so one MAC for every pixel and weight that
  meet, once for all T steps.
* **Every other layer**, and event frames: one AC for every input that is not zero and weight that
  meets it. An input is a spike, a sum of spikes (after a residual connection) or a fraction of them
  (after average pooling, whose 1/4 is folded into the next weights; likewise an event frame's
  scale): each is one event with a value, and costs one AC whatever that is.
* **Circuit**, per position: n_E n_I MACs for each of W_EI s_I (subtractive) and W_EI (g_I s_I)
  (divisive), n_I for g_I s_I, n_E for the division, n_E for g_E (.) + b_E. Excitatory read-out:
  W_EI s_I alone. Where the I cells spike, the products with W_EI are ACs, one for every spike and
  weight that meet, and g_I is folded into them.
* **Normalisation** whose statistics are known before inference (bn, tdbn, tebn, bntt, ...) folds
  into the weights. gn and rmsnorm do not: 2 MACs a cell and position (square for the statistic;
  scale and shift), gn also 1 AC (mean).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eisnn.config.norms import NORMS, Norm
from eisnn.diagnostics.observe import Layer, circuit_input, watch
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.network import Network

PJ_PER_AC = 0.9
PJ_PER_MAC = 4.6


@dataclass(frozen=True)
class Operations:
    """Of one inference over all T time steps, a mean over the images of a batch.

    ``parameters`` counts all the network's numbers.
    """

    macs: float
    acs: float
    energy_nj: float
    parameters: int


@torch.no_grad()
def count_operations(model: Network, batch: Tensor) -> Operations:
    """Counts on ``batch`` as ``model`` takes it: images [B, C, H, W], or events [B, T, C, H, W].

    Leaves no trace in the model.
    """
    total = {"macs": 0, "acs": 0}
    static = batch.dim() == 4

    def see(layer: Layer, x: Tensor, shared: bool, out: Tensor) -> None:
        nonlocal static
        macs, acs = layer_operations(layer, x, shared=shared, real_valued=static, T=model.T)
        if layer.cells is not None:
            norm = NORMS.get(model.config.model.norm, Norm())
            elements = out.numel() // (model.T if shared else 1)
            macs, acs = macs + norm.macs * elements, acs + norm.acs * elements
        total["macs"] += macs
        total["acs"] += acs
        static = False  # only the first layer sees the images themselves

    with watch(model, see):
        model(batch)
    macs, acs = total["macs"] / len(batch), total["acs"] / len(batch)
    energy_nj = (macs * PJ_PER_MAC + acs * PJ_PER_AC) * 1e-3
    return Operations(
        macs, acs, energy_nj, sum(parameter.numel() for parameter in model.parameters())
    )


def layer_operations(
    layer: Layer, x: Tensor, *, shared: bool, real_valued: bool, T: int
) -> tuple[int, int]:
    """(MACs, ACs) of one layer for its input x [N, ...], without normalisation.

    With ``shared`` x is [B, ...], the same at every step.
    """
    if layer.circuit is not None:
        outputs = layer.circuit.W_EE.shape[0] + layer.circuit.W_IE.shape[0]
        reach = fan_out(
            x.shape[1:], layer.circuit.kernel, layer.circuit.stride, layer.circuit.padding
        )
    else:
        linear = (
            layer.drive if isinstance(layer.drive, nn.Linear) else layer.drive.get_submodule("map")
        )
        if isinstance(linear, nn.Conv2d):
            outputs = linear.out_channels
            reach = fan_out(
                x.shape[1:], linear.kernel_size[0], linear.stride[0], int(linear.padding[0])
            )
        else:
            assert isinstance(linear, nn.Linear)
            outputs, reach = linear.out_features, fan_out(x.shape[1:], None, 1, 0)
    events = torch.ones_like(x) if real_valued else x != 0
    meetings = int((events.sum(0).long() * reach.to(x.device)).sum()) * outputs
    macs, acs = (meetings, 0) if real_valued else (0, meetings)
    if layer.circuit is not None:
        more = _inhibition(layer.circuit, x, shared)
        macs, acs = macs + more[0], acs + more[1]
    return macs, acs


def _inhibition(circuit: CircuitLayer, x: Tensor, shared: bool) -> tuple[int, int]:
    """(MACs, ACs) of what a circuit does with its currents."""
    I_ee, s_I = circuit_input(circuit, x, shared)
    n_E, n_I = circuit.W_EI.shape
    positions = I_ee.numel() // n_E  # N times the map's size
    subtractive, divisive = (
        circuit.config.subtractive,
        circuit.config.divisive and not circuit.output_layer,
    )
    products = subtractive + divisive
    own = 0 if circuit.output_layer else n_E * (1 + divisive)  # division; gain and bias
    if circuit.config.inhibitory_cells == "spiking":
        return positions * own, int((s_I != 0).sum()) * n_E * products
    return positions * (n_E * n_I * products + n_I * divisive + own), 0


def fan_out(shape: tuple[int, ...], kernel: int | None, stride: int, padding: int) -> Tensor:
    """How many of one output channel's values an input takes part in.

    int64, shaped to multiply [inputs, ...].

    A linear layer: 1. A convolution [C, H, W]: [H, W], how many windows hold each pixel; fewer at
    the edges, and windows' cells that lie in the padding belong to no pixel.
    """
    if kernel is None:
        return torch.ones((), dtype=torch.int64)
    rows, columns = (_windows(size, kernel, stride, padding) for size in shape[-2:])
    return rows[:, None] * columns[None, :]


def _windows(size: int, kernel: int, stride: int, padding: int) -> Tensor:
    """How many windows hold each of ``size`` places along one axis."""
    counts = torch.zeros(size, dtype=torch.int64)
    for start in range(-padding, size + padding - kernel + 1, stride):
        counts[max(start, 0) : max(start + kernel, 0)] += 1
    return counts
