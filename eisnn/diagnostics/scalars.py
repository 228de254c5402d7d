"""What happens inside a network while it learns, as tidy rows.

Measured per layer and epoch, on one fixed batch:

    rate, silent_fraction, saturated_fraction     mean firing rate; fractions of cells (channel,
                                                  position) that never fire, or in > 95 % of steps
    I_int_mean, I_int_std, P_above_threshold      of the current that drives the cells; how often
                                                  it alone exceeds the threshold
    ei_ratio_current                              sum I_sub / sum I_ee; 1 is balanced
    balance_correlation                           Pearson's r of I_ee and I_sub per channel over
                                                  steps, images, positions; mean of channels
    I_div_min_positive, _q01, _q50, _q99          of divisive inhibition before it is stabilised
    I_div_zero_fraction                           fraction of entries that count as zero for the
                                                  stabiliser
    clamped_fraction/<W>                          fraction of weights at exactly 0, if Dale's law
                                                  is kept by projection
    bimodality/<tensor>                           (skewness^2 + 1) / kurtosis; over 5/9 (a uniform
                                                  distribution) suggests two modes
    grad_norm/<parameter>                         2-norm of the gradient of the batch's loss

A quantity that does not exist (no inhibition, no variance, not finite) has no row. Baselines have
the rows that make sense for them. The network is observed in evaluation mode, and gradients are
taken without touching the optimiser's, so that training is not affected.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from eisnn.diagnostics.observe import (
    Layer,
    as_used,
    circuit_input,
    current,
    parameters,
    sample,
    watch,
)
from eisnn.files import write_whole
from eisnn.layers.circuit import (
    ZERO_TOLERANCE,
    ZERO_TOLERANCE_DEFAULT,
    CircuitLayer,
    inhibit,
    per_cell,
)
from eisnn.networks.network import Network

SHAPE_SAMPLE = 2**15  # entries of a tensor that its quantiles and bimodality are taken from
HEADER = ("epoch", "layer", "quantity", "value")


class Row(NamedTuple):
    epoch: int
    layer: str
    quantity: str
    value: float


def probe_size(train_images: int) -> int:
    """Returns how many images to probe with: 1 in 100, from 16 to 128.

    A measurement then takes less than 5 % of an epoch.
    """
    return max(16, min(128, train_images // 100))


class Probe:
    """Measures ``model`` on one fixed batch.

    Args:
        x: images [B, C, H, W] or events [B, T, C, H, W], on the model's device.
        y: labels [B] for the loss whose gradients are measured; None leaves gradients out.
        loss: (logits, labels) -> scalar.
    """

    def __init__(
        self,
        model: Network,
        x: Tensor,
        y: Tensor | None = None,
        loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    ) -> None:
        self.model = model
        self.loss = loss
        self.x = x.to(next(model.parameters()).dtype)
        self.y = y

    def measure(self, epoch: int, more: Mapping[tuple[str, str], float] = {}) -> list[Row]:
        """Returns the rows of one epoch, with ``more``: (layer, quantity) -> number.

        Waits for the device once.
        """
        found: dict[tuple[str, str], Tensor] = {}

        def see(layer: Layer, x: Tensor, shared: bool, out: Tensor) -> None:
            for quantity, value in layer_quantities(layer, x, shared, out).items():
                found[layer.name, quantity] = value

        with torch.set_grad_enabled(self.y is not None), watch(self.model, see):
            logits = self.model(self.x)
            if self.y is not None:
                found |= gradient_norms(self.model, self.loss(logits, self.y))
        found |= weight_quantities(self.model)
        values = torch.stack([value.detach().double() for value in found.values()]).tolist()
        numbers = dict(zip(found, values, strict=True)) | dict(more)
        rows = [Row(epoch, *key, value) for key, value in numbers.items() if math.isfinite(value)]
        order = list(dict.fromkeys(layer for layer, _ in numbers))
        return sorted(rows, key=lambda row: order.index(row.layer))


def layer_quantities(layer: Layer, x: Tensor, shared: bool, out: Tensor) -> dict[str, Tensor]:
    """Returns the quantities of a layer's activity, as scalars on the device.

    The arguments are those of ``see`` in `eisnn.diagnostics.observe.watch`.
    """
    found: dict[str, Tensor] = {}
    I_int = out
    if layer.circuit is not None:
        I_ee, s_I = circuit_input(layer.circuit, x, shared)
        found |= circuit_quantities(layer.circuit, I_ee, s_I)
        I_int = layer.circuit.integrate(I_ee, s_I)
    elif layer.cells is not None:
        I_int = current(layer, x, shared)
    if layer.cells is not None:
        rates = out.mean(0)  # of each cell, over steps and images
        found |= {
            "rate": rates.mean(),
            "silent_fraction": mean(rates == 0),
            "saturated_fraction": mean(rates > 0.95),
        }
        found["P_above_threshold"] = mean(I_int > layer.cells.config.threshold)
    found["I_int_std"], found["I_int_mean"] = torch.std_mean(I_int)
    found["bimodality/I_int"] = bimodality(sample(I_int, SHAPE_SAMPLE))
    return found


def circuit_quantities(circuit: CircuitLayer, I_ee: Tensor, s_I: Tensor) -> dict[str, Tensor]:
    """Returns the quantities of a circuit's currents I_ee [N, n_E, ...] and s_I [N, n_I, ...]."""
    found = {"bimodality/I_ee": bimodality(sample(I_ee, SHAPE_SAMPLE))}
    W_EI = circuit.weight("W_EI")
    if circuit.config.subtractive:
        I_sub = inhibit(W_EI, s_I)
        found["ei_ratio_current"] = I_sub.sum() / I_ee.sum()
        found["balance_correlation"] = correlation(I_ee, I_sub)
    if circuit.config.divisive and not circuit.output_layer:
        found |= divisive_quantities(inhibit(W_EI, per_cell(circuit.weight("g_I"), s_I) * s_I))
    return found


def divisive_quantities(I_div: Tensor) -> dict[str, Tensor]:
    """Returns the quantities of I_div [N, n_E, ...].

    An entry counts as zero if it does in `eisnn.layers.circuit.stabilise`.
    """
    tolerance = ZERO_TOLERANCE.get(I_div.dtype, ZERO_TOLERANCE_DEFAULT)
    largest = I_div.amax(tuple(range(1, I_div.dim())), keepdim=True).clamp_min(0)
    zero = I_div.abs() <= largest * tolerance
    low, median, high = torch.quantile(
        sample(I_div, SHAPE_SAMPLE),
        torch.tensor([0.01, 0.5, 0.99], dtype=I_div.dtype, device=I_div.device),
    )
    return {
        "I_div_min_positive": torch.where(zero | (I_div < 0), torch.inf, I_div).amin(),
        "I_div_q01": low,
        "I_div_q50": median,
        "I_div_q99": high,
        "I_div_zero_fraction": mean(zero),
    }


def weight_quantities(model: Network) -> dict[tuple[str, str], Tensor]:
    """Returns the bimodality of the weights, and the fraction that projection holds at 0.

    Bimodality is that of effective weights, of matrices and kernels only.
    """
    found: dict[tuple[str, str], Tensor] = {}
    circuits = {circuit.name: circuit for circuit in model.circuits()}
    with torch.no_grad():
        for layer, kind, raw in parameters(model):
            circuit = circuits.get(layer)
            weight = as_used(circuit, kind, raw)
            if weight.dim() > 1:
                found[layer, f"bimodality/{kind}"] = bimodality(sample(weight, SHAPE_SAMPLE))
            if (
                circuit is not None
                and circuit.config.dale == "project"
                and hasattr(circuit, kind)
                and kind not in circuit.SIGNED
            ):
                found[layer, f"clamped_fraction/{kind}"] = mean(weight == 0)
    return found


def gradient_norms(model: Network, loss: Tensor) -> dict[tuple[str, str], Tensor]:
    """Returns the 2-norm of d loss / d parameter for every trainable parameter.

    Neither reads nor writes ``.grad``.
    """
    named = [
        (layer, kind, parameter)
        for layer, kind, parameter in parameters(model)
        if parameter.requires_grad
    ]
    gradients = torch.autograd.grad(
        loss, [parameter for _, _, parameter in named], allow_unused=True
    )
    norms = zip(named, gradients, strict=True)
    return {
        (layer, f"grad_norm/{kind}"): gradient.norm()
        for (layer, kind, _), gradient in norms
        if gradient is not None
    }


def mean(mask: Tensor) -> Tensor:
    """Returns the fraction of True."""
    return mask.sum() / mask.numel()


def bimodality(x: Tensor) -> Tensor:
    """(skewness^2 + 1) / kurtosis of x [n], from population moments; NaN for a constant.

    It is 1/3 for a normal distribution, 5/9 for a uniform one and 1 for two points.
    """
    x = x.double()
    centre = x.mean()
    x = x - centre
    squares = x * x
    variance, third, fourth = squares.mean(), (squares * x).mean(), (squares * squares).mean()
    coefficient = (third.square() / variance.pow(3) + 1) / (fourth / variance.square())
    # A smaller variance is rounding of the mean.
    return torch.where(variance > 1e-20 * centre.square(), coefficient, torch.nan)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's r of a and b [N, C, ...] over all axes but the channels.

    Averages over the channels in which both vary; NaN if there are none.
    """
    dims = (0, *range(2, a.dim()))
    a, b = a - a.mean(dims, keepdim=True), b - b.mean(dims, keepdim=True)
    return ((a * b).sum(dims) / (a.square().sum(dims) * b.square().sum(dims)).sqrt()).nanmean()


def append_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Adds one epoch's rows to the CSV at ``path``.

    Replaces rows of that epoch or later, as a killed run leaves them. Call it before the epoch's
    checkpoint is written, so that no epoch can be missing from the file.
    """
    path, rows = Path(path), list(rows)
    if not rows:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    kept = _rows_before(path, rows[0].epoch)
    if kept is not None:
        writer.writerows([HEADER, *kept])
    writer.writerows((row.epoch, row.layer, row.quantity, f"{row.value:.9g}") for row in rows)
    if kept is None:
        with path.open("a", encoding="utf-8") as file:
            file.write(text.getvalue())
        return
    write_whole(path, text.getvalue().encode(), durable=False)


def _rows_before(path: Path, epoch: int) -> list[list[str]] | None:
    """Returns the complete rows of earlier epochs; None if the file ends with such a row, so that
    nothing has to be replaced."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        last = file.read().decode("utf-8", "replace").rsplit("\n", 2)[-2:]
    if (
        len(last) == 2
        and last[1] == ""
        and last[0].split(",")[0].isdigit()
        and int(last[0].split(",")[0]) < epoch
    ):
        return None
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = [line for line in file if line.endswith("\n")]
    return [
        row
        for row in csv.reader(lines)
        if len(row) == len(HEADER) and row[0].isdigit() and int(row[0]) < epoch
    ]
