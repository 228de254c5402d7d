"""The cost of one inference, in NeuroBench's terms (Yik et al. 2025), per layer and in all.

    footprint            bytes of all parameters and buffers
    connection_sparsity  fraction of weights that are exactly 0
    activation_sparsity  fraction of (cell, step, image) without a spike
    effective_acs        additions of a weight that is not 0, for an input that is not 0, where all
                         of a layer's inputs are spikes
    effective_macs       the same where inputs are numbers: images, averages of pools, sums after a
                         residual connection, the currents of inhibitory cells
    dense                what both would be if no weight and no input were 0
    membrane_updates     changes of a membrane potential; at the first step every cell counts

All but the first three are per image, over all T steps. The first layer of a static image computes
its current once, and is counted once. A circuit has three maps: W_EE and W_IE on its input, and
W_EI on the activity of its inhibitory cells, once for each kind of inhibition. Normalisations,
divisions and gains are not counted, as NeuroBench does not (eisnn/diagnostics/energy.py does).

`Workload.memory_energy_nj` is the energy with memory traffic: Dampfhoffer et al. 2022 and arXiv
2409.08290 argue that moving data costs more than computing. It assumes 32-bit numbers in 45 nm CMOS
(Horowitz, ISSCC 2014: 0.9 pJ per addition, 4.6 pJ per MAC; 5, 10 and 50 pJ for 32 bits from an SRAM
of 8 kB, 32 kB and 1 MB, linear in between and above), one SRAM each for a layer's weights,
potentials and inputs, and no reuse in registers except of the sum that is being accumulated:

    an AC               reads a weight, reads and writes a potential
    a MAC               reads a weight and an input
    an output of a map  is written once, where its inputs are numbers
    a membrane update   reads and writes a potential, and is a MAC for the leak
    a spike             is written once and read once
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.diagnostics.energy import PJ_PER_AC, PJ_PER_MAC, linear_map
from eisnn.diagnostics.observe import Layer, circuit_input, current, layers, watch
from eisnn.networks.network import Network

BYTES = 4  # of a number
SRAM = ((8e3, 5.0), (32e3, 10.0), (1e6, 50.0))  # bytes, pJ for 32 bits


@dataclass(frozen=True)
class Workload:
    """The cost of one layer, or of a network. Counts are means per image; see the module's
    docstring."""

    layer: str
    footprint: int
    weights: int
    zero_weights: int
    activations: float
    spikes: float
    effective_acs: float
    effective_macs: float
    dense: float
    membrane_updates: float
    memory_energy_nj: float

    @property
    def connection_sparsity(self) -> float:
        return self.zero_weights / self.weights if self.weights else 0.0

    @property
    def activation_sparsity(self) -> float:
        if not self.activations:
            return 0.0
        return 1 - self.spikes / self.activations


@torch.no_grad()
def measure_workload(model: Network, batch: Tensor) -> list[Workload]:
    """Returns a record for each layer, from the bottom up, and a last one, "network", for all.

    Args:
        batch: images [B, C, H, W] or events [B, T, C, H, W]. All layers must be ours, see
            `ModelConfig.own_layers`.
    """
    found: dict[str, Workload] = {}

    def see(layer: Layer, x: Tensor, shared: bool, out: Tensor) -> None:
        found[layer.name] = _of_layer(layer, x, shared, out, images=len(batch), T=model.T)

    with watch(model, see):
        model(batch)
    rows = [found[layer.name] for layer in layers(model)]
    return [*rows, _total(rows, model)]


def write_workload(path: str | Path, rows: Iterable[Workload]) -> None:
    """Writes a CSV with a line for each record, ratios included."""
    names = [field.name for field in fields(Workload)]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, "connection_sparsity", "activation_sparsity"])
        for row in rows:
            values = asdict(row).values()
            writer.writerow([*values, row.connection_sparsity, row.activation_sparsity])


@dataclass
class _Operations:
    """Synaptic operations of a layer, over a whole batch."""

    acs: int = 0
    macs: int = 0
    dense: int = 0
    outputs: int = 0  # values that maps of numbers write

    def add(self, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> None:
        """Adds the map of x [N, in, ...] by weight [out, in, ...].

        A matrix acts at each position of x.
        """
        if weight.dim() == 2 and x.dim() > 2:
            x, weight = x.flatten(2), weight[:, :, None]
        effective, dense = (
            int(_mapped(inputs, weights, stride, padding).sum())
            for inputs, weights in (
                (x != 0, weight != 0),
                (torch.ones_like(x), torch.ones_like(weight)),
            )
        )
        self.dense += dense
        if ((x == 0) | (x == 1) | (x == -1)).all():
            self.acs += effective
            return
        self.macs += effective
        positions = dense // max(1, weight[0].numel() * len(weight))
        self.outputs += positions * len(weight)


def _mapped(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Returns, for each output, how many of its pairs of input and weight are both 1; float64."""
    x, weight = x.double(), weight.double()
    if weight.dim() == 2:
        return F.linear(x, weight)
    if weight.dim() == 3:
        return F.conv1d(x, weight)
    return F.conv2d(x, weight, stride=stride, padding=padding)


def _of_layer(
    layer: Layer, x: Tensor, shared: bool, out: Tensor, *, images: int, T: int
) -> Workload:
    operations, weights = _Operations(), []
    if layer.circuit is not None:
        circuit = layer.circuit
        weights = [circuit.weight(name) for name in ("W_EE", "W_IE", "W_EI")]
        for weight in weights[:2]:
            operations.add(x, weight, circuit.stride, circuit.padding)
        _, s_I = circuit_input(circuit, x, shared)
        divisive = circuit.config.divisive and not circuit.output_layer
        for _ in range(circuit.config.subtractive + divisive):
            operations.add(s_I, weights[2])
    else:
        linear = linear_map(layer)
        weights = [linear.weight]
        if isinstance(linear, nn.Conv2d):
            operations.add(x, linear.weight, linear.stride[0], int(linear.padding[0]))
        else:
            operations.add(x, linear.weight)
    spikes, updates = 0, 0
    if layer.cells is not None:
        spikes, updates = int((out != 0).sum()), membrane_updates(layer, x, shared, out, T)
    tensors = [*layer.module.parameters(), *layer.module.buffers()]
    energy = _memory_energy(operations, weights, x, updates, spikes, cells=out[0].numel())
    return Workload(
        layer=layer.name,
        footprint=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        weights=sum(weight.numel() for weight in weights),
        zero_weights=sum(int((weight == 0).sum()) for weight in weights),
        activations=out.numel() / images if layer.cells is not None else 0,
        spikes=spikes / images,
        effective_acs=operations.acs / images,
        effective_macs=operations.macs / images,
        dense=operations.dense / images,
        membrane_updates=updates / images,
        memory_energy_nj=energy / images * 1e-3,
    )


def membrane_updates(layer: Layer, x: Tensor, shared: bool, spikes: Tensor, T: int) -> int:
    """Returns how often a potential after the reset differs from that of the step before.

    At the first step every cell counts, as in NeuroBench.
    """
    assert layer.cells is not None
    cells = layer.cells.config
    drive = current(layer, x, shared)
    spikes = spikes.view(T, -1, *spikes.shape[1:])
    if shared and len(drive) != T * spikes.shape[1]:
        drive = drive.expand(T, *drive.shape)
    drive = drive.reshape(spikes.shape)
    if cells.input_decay:
        drive = drive / layer.cells.tau
    decay = 1 - 1 / layer.cells.tau
    before, count = None, 0
    for I, s in zip(drive, spikes, strict=True):
        v = I if before is None else I + decay * before
        u = v - cells.threshold * s
        if cells.reset == "hard":
            u = v * (1 - s) + (cells.reset_value or 0.0) * s
        count += u.numel() if before is None else int((u != before).sum())
        before = u
    return count


def _memory_energy(
    operations: _Operations,
    weights: list[Tensor],
    x: Tensor,
    updates: int,
    spikes: int,
    *,
    cells: int,
) -> float:
    """Returns pJ for a whole batch, by the assumptions in the module's docstring."""
    weight = access_pj(sum(tensor.numel() for tensor in weights) * BYTES)
    potential, entry = access_pj(cells * BYTES), access_pj(x[0].numel() * BYTES)
    return (
        operations.acs * (PJ_PER_AC + weight + 2 * potential)
        + operations.macs * (PJ_PER_MAC + weight + entry)
        + operations.outputs * potential
        + updates * (PJ_PER_MAC + 2 * potential)
        + spikes * 2 * potential
    )


def access_pj(size: float) -> float:
    """Returns the energy of reading or writing 32 bits in an SRAM of ``size`` bytes."""
    if size <= SRAM[0][0]:
        return SRAM[0][1]
    for (low, at_low), (high, at_high) in pairwise(SRAM):
        if size <= high or high == SRAM[-1][0]:
            return at_low + (at_high - at_low) * (size - low) / (high - low)
    raise AssertionError("the last step has no upper end")


def _total(rows: list[Workload], model: Network) -> Workload:
    tensors = [*model.parameters(), *model.buffers()]
    sums = {
        field.name: sum(getattr(row, field.name) for row in rows)
        for field in fields(Workload)
        if field.name not in ("layer", "footprint")
    }
    footprint = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Workload(layer="network", footprint=footprint, **sums)
