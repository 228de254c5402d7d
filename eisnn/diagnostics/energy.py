"""Counts the operations of one inference, and estimates its energy from them.

    AC    one addition of a weight to a current                       0.9 pJ
    MAC   one multiplication and the addition of its product          4.6 pJ

at 32 bits in 45 nm CMOS (Horowitz, ISSCC 2014), as is usual for spiking nets (Rathi & Roy,
*DIET-SNN*, 2021). Memory traffic, the LIF cells' own updates and padding are not counted, for any
network. The rules are:

* **First layer of a static image**: real-valued pixels, so one MAC for every pixel and weight that
  meet, once for all T steps.
* **Every other layer**, and event frames: one AC for every input that is not zero and every weight
  that meets it. An input is a spike, a sum of spikes (after a residual connection) or a fraction of
  them (after average pooling, whose 1/4 is folded into the next weights; likewise an event frame's
  scale). Each is one event with a value, and costs one AC whatever the value.
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
    """Operations of one inference over all T time steps, averaged over the images of a batch.

    ``parameters`` is the number of all parameters of the network.
    """

    macs: float
    acs: float
    energy_nj: float
    parameters: int


@torch.no_grad()
def count_operations(model: Network, batch: Tensor) -> Operations:
    """Counts operations on ``batch``, images [B, C, H, W] or events [B, T, C, H, W].

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
    """Returns (MACs, ACs) of one layer for its input x [N, ...], without normalisation.

    With ``shared``, x is [B, ...], the same at every step.
    """
    if layer.circuit is not None:
        outputs = layer.circuit.W_EE.shape[0] + layer.circuit.W_IE.shape[0]
        reach = fan_out(
            x.shape[1:], layer.circuit.kernel, layer.circuit.stride, layer.circuit.padding
        )
    else:
        linear = linear_map(layer)
        if isinstance(linear, nn.Conv2d):
            outputs = linear.out_channels
            reach = fan_out(
                x.shape[1:], linear.kernel_size[0], linear.stride[0], int(linear.padding[0])
            )
        else:
            outputs, reach = linear.out_features, fan_out(x.shape[1:], None, 1, 0)
    events = torch.ones_like(x) if real_valued else x != 0
    meetings = int((events.sum(0).long() * reach.to(x.device)).sum()) * outputs
    macs, acs = (meetings, 0) if real_valued else (0, meetings)
    if layer.circuit is not None:
        more = _inhibition(layer.circuit, x, shared)
        macs, acs = macs + more[0], acs + more[1]
    return macs, acs


def linear_map(layer: Layer) -> nn.Linear | nn.Conv2d:
    """Returns the linear map or convolution of a layer that is not a circuit."""
    found = layer.drive
    if not isinstance(found, nn.Linear):
        found = found.get_submodule("map")
    assert isinstance(found, nn.Linear | nn.Conv2d)
    return found


def _inhibition(circuit: CircuitLayer, x: Tensor, shared: bool) -> tuple[int, int]:
    """Returns (MACs, ACs) of what a circuit does with its currents."""
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
    """Returns how many values of one output channel each input contributes to.

    The result is int64, shaped to multiply [inputs, ...]. For a linear layer it is 1. For a
    convolution of [C, H, W] it is [H, W]: the number of windows that hold each pixel, which is less
    at the edges.
    """
    if kernel is None:
        return torch.ones((), dtype=torch.int64)
    rows, columns = (_windows(size, kernel, stride, padding) for size in shape[-2:])
    return rows[:, None] * columns[None, :]


def _windows(size: int, kernel: int, stride: int, padding: int) -> Tensor:
    """Returns how many windows hold each of ``size`` places along one axis."""
    counts = torch.zeros(size, dtype=torch.int64)
    for start in range(-padding, size + padding - kernel + 1, stride):
        counts[max(start, 0) : max(start + kernel, 0)] += 1
    return counts
