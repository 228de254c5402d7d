"""How the distributions of weights and activity evolve: histograms per epoch (``--log 2``).

One compact file per trial, ``distributions.npz``, holds for every layer and tensor


    edges/<layer>/<tensor>    [bins + 1]       fixed at the first epoch recorded, see `choose_edges`
    counts/<layer>/<tensor>   [epochs, bins]   int64; the end bins also count values
                                               beyond the edges
    epochs                    [epochs]         int64, ascending

The tensors are every trainable parameter as the network uses it (W_EE, W_IE, W_EI, g_I, g_E, b_E
after Dale's law; weight, bias, norm.weight, ... of a baseline), and the layer's activity on one
fixed batch: ``input`` (pixels, spikes, sums or fractions of spikes) and ``output`` (the integrated
current that drives its cells; the read-out's current). From a large tensor, an even sample of
131,072 entries is counted. Values that are not finite are not counted.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eisnn.diagnostics.observe import Layer, as_used, current, parameters, sample, watch
from eisnn.files import write_whole
from eisnn.networks.network import Network

BINS = 64
ROOM = 0.5  # how far the edges reach beyond what the first epoch shows, as a fraction of its range


class Distributions:
    """Records histograms of ``model`` on a fixed batch ``x`` into the file at ``path``.

    Appends to an existing file. Replaces the epochs from the recorded one on, so that a resumed run
    leaves no epoch twice.
    """

    def __init__(self, model: Network, x: Tensor, path: str | Path) -> None:
        self.model = model
        self.x = x.to(next(model.parameters()).dtype)
        self.path = Path(path)
        self.arrays = _load(self.path)

    def record(self, epoch: int) -> None:
        """Adds the histograms of ``epoch`` and replaces the file atomically.

        The network is observed in evaluation mode.
        """
        epochs = self.arrays.get("epochs", np.zeros(0, np.int64))
        keep = int((epochs < epoch).sum())
        arrays: dict[str, np.ndarray] = {"epochs": np.append(epochs[:keep], epoch)}
        for key, tensor in tensors(self.model, self.x).items():
            edges = self.arrays.get(f"edges/{key}")
            values = tensor[tensor.isfinite()].double().cpu().numpy()
            if edges is None:
                edges = choose_edges(values, signed=_signed(key))
            before = self.arrays.get(f"counts/{key}", np.zeros((0, len(edges) - 1), np.int64))
            arrays[f"edges/{key}"] = edges
            arrays[f"counts/{key}"] = np.vstack([before[:keep], count(values, edges)])
        self.arrays = arrays
        _save(self.path, arrays)


@torch.no_grad()
def tensors(model: Network, x: Tensor) -> dict[str, Tensor]:
    """Returns ``<layer>/<tensor>`` -> its values or a sample of them, flat; the same keys at every
    call."""
    found: dict[str, Tensor] = {}
    circuits = {circuit.name: circuit for circuit in model.circuits()}
    for layer, kind, parameter in parameters(model):
        if parameter.requires_grad:
            used = as_used(circuits.get(layer), kind, parameter)
            found[f"{layer}/{kind}"] = sample(used.detach())

    def see(layer: Layer, x: Tensor, shared: bool, out: Tensor) -> None:
        output = out if layer.cells is None else current(layer, x, shared)
        found[f"{layer.name}/input"] = sample(x).clone()
        found[f"{layer.name}/output"] = sample(output).clone()

    with watch(model, see):
        model(x)
    return found


def choose_edges(values: np.ndarray, *, signed: bool, bins: int = BINS) -> np.ndarray:
    """Returns edges [bins + 1] around finite ``values`` [n], with room for them to spread.

    They reach from 0 to 1.5 times the 99.9 % quantile, or, if ``signed``, from the 0.1 % to the
    99.9 % quantile and half that range more on either side. If all values equal c, they reach from
    0 to 4 c, or from c - s to c + s with s = max(1, |c|). No values count as values of 0.
    """
    low = high = 0.0
    if len(values):
        low, high = (float(np.quantile(values, q)) for q in (0.001, 0.999))
    constant = high - low <= 1e-9 * abs(high)
    if not signed and low >= 0:
        low, high = 0.0, (4 * high if constant else (1 + ROOM) * high) or 1.0
    elif constant:
        low, high = low - max(1.0, abs(low)), high + max(1.0, abs(low))
    else:
        room = ROOM * (high - low)
        low, high = low - room, high + room
    return np.linspace(low, high, bins + 1)


def count(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns the counts [bins] of ``values`` [n].

    A bin includes its lower edge; the end bins also hold everything beyond them.
    """
    return np.bincount(
        np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2),
        minlength=len(edges) - 1,
    )


def _signed(key: str) -> bool:
    """Whether a tensor may take both signs, even if its first epoch shows only one."""
    return key.rpartition("/")[2] not in ("W_EE", "W_IE", "W_EI", "g_I", "g_E", "input")


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path}: is damaged ({error}); its histograms start anew", stacklevel=3)
        return {}


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue(), durable=False)
