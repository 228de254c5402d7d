"""Counts what one training step asks of a GPU, without a GPU: launches, bytes moved, bytes kept.

    python -m benchmarks.counts [--batch 128 --T 4]

The step runs on meta tensors, which have shapes but no values. Every operation of torch that
computes something counts as one launch (a convolution's backward pass as two) that reads its
arguments and writes its results once; views and allocations count nothing. For our operations, the
launches of the Triton backend count, each reading or writing its tensors once. Real figures are
smaller because of caches, and larger because of libraries' workspaces.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eisnn import build_model, build_optimizer
from eisnn.config.trial import make_config
from eisnn.kernels import choose
from eisnn.kernels.gpu import circuit, forward
from eisnn.networks.network import Network
from eisnn.training.steps import training_step

ALLOCATIONS = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")
NETS: dict[str, dict[str, Any]] = {
    "VGG-8": {"arch": "VGG", "layers": 8, "input_shape": [3, 32, 32]},
    "ResNet-18": {"arch": "ResNet", "layers": 18, "input_shape": [3, 32, 32]},
    "MLP-12": {"arch": "MLP", "layers": 12, "input_shape": [1, 28, 28]},
}


@dataclass
class Counts:
    launches: int = 0
    bytes: int = 0
    kept: int = 0  # bytes for the backward pass, parameters left out
    by_name: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, launches: int, moved: int) -> None:
        self.launches += launches
        self.bytes += moved
        entry = self.by_name.setdefault(name, [0, 0])
        entry[0] += launches
        entry[1] += moved

    def __str__(self) -> str:
        return f"{self.bytes / 1e9:.2f} GB, {self.launches} launches, {self.kept / 1e6:.0f} MB kept"


def _bytes(*values: Any) -> int:
    return sum(x.numel() * x.element_size() for x in tree_leaves(values) if isinstance(x, Tensor))


class Counting(TorchDispatchMode):
    """Counts what runs while it is open; our operations run as the Triton backend would."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = str(function._overloadpacket).removeprefix("aten.")
        if name.startswith("eisnn."):
            with self, counted_launches(self.counts):
                return getattr(circuit, name.removeprefix("eisnn."))(*args, **kwargs)
        out = function(*args, **kwargs)
        returns = function._schema.returns
        is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in returns)
        if not is_view and name not in ALLOCATIONS and not name.startswith("profiler."):
            launches = 1
            if "convolution_b" in name:
                launches = sum(kwargs.get("output_mask", args[-1])[:2])
            self.counts.add(name, launches, _bytes(args, kwargs) + _bytes(out))
        return out


@contextlib.contextmanager
def counted_launches(counts: Counts) -> Iterator[None]:
    """Makes the Triton backend count its launches instead of making them."""

    def count(kernel: Any, grid: Any, *arguments: Any, **options: Any) -> None:
        tensors = [x for x in arguments if isinstance(x, Tensor)]
        seen = {id(x): x for x in tensors}
        if kernel is forward.extremes:  # reads only s_I from the joint map
            X, W_EI = tensors[:2]
            seen[id(X)] = X.flatten(1)[:, : W_EI.shape[1] * X[0, 0].numel()]
        counts.add(kernel.__name__, 1, _bytes(*seen.values()))

    real, circuit.launch = circuit.launch, count
    try:
        yield
    finally:
        circuit.launch = real


@contextlib.contextmanager
def triton_on_meta(backend: bool) -> Iterator[None]:
    """Makes meta tensors take the Triton backend's path, or the readable one."""
    if not backend:
        yield
        return
    choose.BACKENDS["meta"] = choose.Backend("triton", lambda: None)
    try:
        yield
    finally:
        del choose.BACKENDS["meta"]


def network(name: str, norm: str = "ei", T: int = 4) -> Network:
    with torch.device("meta"):
        model = build_model(
            make_config({"model": {**NETS[name], "T": T, "norm": norm, "classes": 10}})
        )
    model.initialized = True
    return model


def count_step(
    name: str, norm: str = "ei", *, batch: int = 128, T: int = 4, backend: bool = True
) -> Counts:
    """Counts a training step after the first, without ``backend`` that of the readable path."""
    counts = Counts()
    model = network(name, norm, T)
    optimizer = build_optimizer(model, model.config.train)
    for group in optimizer.param_groups:
        group["foreach"], group["fused"] = True, False  # as torch chooses on a GPU
    x = torch.empty(batch, *NETS[name]["input_shape"], device="meta")
    y = torch.zeros(batch, dtype=torch.long, device="meta")
    with triton_on_meta(backend):
        with Counting(Counts()):
            training_step(model, optimizer, x, y)
        with Counting(counts):
            training_step(model, optimizer, x, y)
        counts.kept = kept_for_backward(model, x, y)
    return counts


def kept_for_backward(model: Network, x: Tensor, y: Tensor) -> int:
    """Returns the bytes that a forward pass keeps for the backward pass, besides parameters."""
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    seen: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            seen[storage._cdata] = storage
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, Counting(Counts()):
        loss = F.cross_entropy(model(x), y)
    kept = sum(storage.nbytes() for storage in seen.values())
    del loss
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--T", type=int, default=4)
    parser.add_argument("--details", action="store_true", help="by operation, largest first")
    options = parser.parse_args()
    for name in NETS:
        for label, norm, backend in (
            ("readable", "ei", False),
            ("Triton", "ei", True),
            ("BN readable", "bn", False),
            ("BN Triton", "bn", True),
        ):
            counts = count_step(name, norm, batch=options.batch, T=options.T, backend=backend)
            print(f"{name:9s} {label:11s} {counts}", flush=True)
            if options.details:
                ordered = sorted(counts.by_name.items(), key=lambda item: -item[1][1])
                for operation, (launches, moved) in ordered:
                    print(f"    {operation:32s} {launches:4d} {moved / 1e9:8.3f} GB")


if __name__ == "__main__":
    main()
