"""The counted goals of the GPU path, at batch 128 and T = 4, and that nothing is kept twice."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from benchmarks.counts import Counting, Counts, count_step, triton_on_meta
from eisnn import build_model, build_optimizer
from eisnn.config.trial import make_config
from eisnn.training.evaluation import images_at_once
from eisnn.training.steps import training_step

pytest.importorskip("triton", reason="triton comes with torch on Linux")


@pytest.mark.parametrize(
    ("net", "gigabytes", "launches", "kept_mb"),
    [("VGG-8", 4.0, 110, 600), ("ResNet-18", 26.0, 320, 5000), ("MLP-12", 0.35, 220, 40)],
)
def test_a_step_stays_within_its_goals(net, gigabytes, launches, kept_mb):
    counts = count_step(net)
    assert counts.bytes / 1e9 <= gigabytes
    assert counts.launches <= launches
    assert counts.kept / 1e6 <= kept_mb


def test_the_baseline_of_the_same_cells_stays_below_its_readable_path():
    ours, readable = count_step("VGG-8", "bn"), count_step("VGG-8", "bn", backend=False)
    assert ours.bytes < readable.bytes / 3
    assert ours.launches < readable.launches / 4
    assert ours.kept < readable.kept


def test_the_readable_path_keeps_less_than_it_did():
    """1489 MB where a view of s_I kept the whole joint map."""
    assert count_step("VGG-8", backend=False).kept / 1e6 < 1400


def test_counts_add_up():
    counts = Counts()
    counts.add("mm", 1, 100)
    counts.add("mm", 2, 50)
    assert (counts.launches, counts.bytes, counts.by_name) == (3, 150, {"mm": [3, 150]})


class Peak(Counting):
    """The most bytes that tensors made while it is open hold at once."""

    def __init__(self) -> None:
        super().__init__(Counts())
        self.sizes: dict[int, int] = {}
        self.bytes = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = super().__torch_dispatch__(function, types, args, kwargs)
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.sizes:
                    self.sizes[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.sizes.pop, storage._cdata)
        self.bytes = max(self.bytes, sum(self.sizes.values()))
        return out


@pytest.mark.parametrize("backend", [True, False])
@pytest.mark.parametrize(
    ("data", "model", "batch"),
    [
        ("cifar10_dvs", {"arch": "VGG", "layers": 8, "T": 10}, 16),
        ("cifar10_dvs", {"arch": "VGG", "layers": 8, "T": 10, "norm": "bn"}, 16),
        ("cifar10", {"arch": "VGG", "layers": 5, "T": 4}, 128),
        ("fashion_mnist", {"arch": "MLP", "layers": 4, "T": 4, "norm": "bn"}, 128),
    ],
)
def test_evaluation_takes_no_more_memory_than_a_training_step(data, model, batch, backend):
    shape = {"cifar10_dvs": [2, 48, 48], "cifar10": [3, 32, 32], "fashion_mnist": [1, 28, 28]}[data]
    sizes = {**model, "input_shape": shape, "classes": 10}
    config = make_config({
        "model": sizes, "data": {"name": data}, "train": {"batch_size": batch}
    })  # fmt: skip
    frames = [config.model.T] if data == "cifar10_dvs" else []

    with torch.device("meta"), triton_on_meta(backend):
        network = build_model(config)
        network.initialized = True
        optimizer = build_optimizer(network, config.train)
        for group in optimizer.param_groups:
            group["foreach"], group["fused"] = True, False
        x = torch.empty(batch, *frames, *shape)
        training_step(network, optimizer, x, torch.zeros(batch, dtype=torch.long))
        with Peak() as training:
            training_step(network, optimizer, x, torch.zeros(batch, dtype=torch.long))
        network.eval()
        with Peak() as evaluation, torch.no_grad():
            network(torch.empty(images_at_once(network, x.device), *frames, *shape))
    assert 0 < evaluation.bytes <= training.bytes
