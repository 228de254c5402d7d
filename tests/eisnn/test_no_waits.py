"""Nothing within an epoch waits for the device: no copy between host and device, and no value read
from it.

No GPU is needed. Whole steps run on meta tensors, which have shapes but no values; autograd refuses
fake CUDA tensors where there is no driver, so on those it is forward, loss, update and evaluation.
"""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eisnn import build_model, build_optimizer
from eisnn.config.trial import make_config
from eisnn.data.batches import Split, batches
from eisnn.data.transforms import augment
from eisnn.networks.network import Network
from eisnn.training.evaluation import evaluate
from eisnn.training.steps import training_step

COPIES = ("aten._to_copy", "aten.copy_")
READS = ("aten._local_scalar_dense", "aten.item", "aten.nonzero", "aten.is_nonzero")
BATCH, IMAGES = 4, 8

NETS = {
    "MLP": {"arch": "MLP", "layers": 4, "input_shape": [1, 28, 28], "width": 0.1},
    "VGG": {"arch": "VGG", "layers": 5, "input_shape": [3, 32, 32], "width": 0.125},
    "ResNet": {"arch": "ResNet", "layers": 18, "input_shape": [3, 32, 32], "width": 0.125},
    "events": {"arch": "VGG", "layers": 5, "input_shape": [2, 48, 48], "width": 0.125},
}
NORMS = (
    "ei", "dann", "bn", "tdbn", "tebn", "bntt", "mpbn", "gn", "rmsnorm", "sws", "issnn",
    "none",
)  # fmt: skip
IMAGES_OF = {"MLP": "fashion_mnist", "VGG": "cifar10", "ResNet": "cifar10", "events": "cifar10_dvs"}
VARIANTS: dict[str, dict[str, Any]] = {
    "spiking inhibition": {"circuit": {"inhibitory_cells": "spiking"}},
    "no Dale's law": {"circuit": {"dale": "none"}},
    "softplus": {"circuit": {"dale": "softplus"}},
    "straight-through off": {"circuit": {"prop": {"straight_through": False}}},
    "learned tau": {"neuron": {"learnable_tau": True}},
    "hard reset": {"neuron": {"reset": "hard", "detach_reset": False, "surrogate": "atan"}},
    "adaptive cells": {"neuron": {"adaptive": True, "surrogate": "exponential"}},
    "authors' first step": {"train": {"first_step": "authors", "momentum": 0.9}},
}


def place() -> str:
    """The innermost line of the package that is being run."""
    ours = [f for f in traceback.extract_stack() if "/eisnn/" in f.filename]
    ours = [f for f in ours if "/tests/" not in f.filename]
    return f"{ours[-1].filename}:{ours[-1].lineno}" if ours else "the test"


class MadeOnHost(TorchFunctionMode):
    """Counts tensors made of the host's numbers, which on a device are copies that wait."""

    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        makes = function in (torch.tensor, torch.as_tensor)
        if makes and not isinstance(args[0], Tensor):
            self.found[f"torch.{function.__name__} at {place()}"] += 1
        if function is Tensor.item:
            self.found[f"aten.item at {place()}"] += 1
        return function(*args, **(kwargs or {}))


class Waits(TorchDispatchMode):
    """Counts the operations that make the host wait, by the line of ours that asked for them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.made = MadeOnHost(self.found)

    def __enter__(self) -> Waits:
        self.made.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.made.__exit__(*error)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        name = str(function._overloadpacket)
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, Tensor)]
        crosses = len({x.device.type for x in tensors}) > 1
        if name in READS or (name in COPIES and crosses):
            self.found[f"{name} at {place()}"] += 1
        return out


@contextlib.contextmanager
def on(device: str) -> Iterator[None]:
    """Tensors are made on ``device``; CUDA's are fake."""
    fake = FakeTensorMode(allow_non_fake_inputs=True) if device == "cuda" else None
    with fake or contextlib.nullcontext(), torch.device(device):
        yield


def network(net: str, norm: str = "ei", **sections: Any) -> Network:
    config = make_config({"model": {**NETS[net], "norm": norm, "classes": 10, "T": 2}, **sections})
    model = build_model(config)
    model.initialized = True
    return model


def split(net: str, T: int) -> Split:
    shape = NETS[net]["input_shape"]
    frames = [T] if net == "events" else []
    images = torch.zeros(IMAGES, *frames, *shape, dtype=torch.uint8)
    return Split(images, torch.zeros(IMAGES, dtype=torch.long), 1 / 255)


def waits_of_steps(net: str, device: str, norm: str = "ei", **sections: Any) -> Counter[str]:
    """What waits in two steps: batch, augmentation, forward, backward, update."""
    with on(device):
        model = network(net, norm, **sections)
        optimizer = build_optimizer(model, model.config.train)
        for group in optimizer.param_groups:
            group["fused"] = False  # torch cannot trace its fused update, which reads nothing
        order = torch.zeros(IMAGES, dtype=torch.long)
        data = split(net, model.T)
        with Waits() as waits:
            for x, y in batches(data, BATCH, order=order):
                images = augment(IMAGES_OF[net], x, None)
                if device == "meta":
                    training_step(model, optimizer, images, y)
                    continue
                F.cross_entropy(model(images), y)
                for parameter in model.parameters():
                    parameter.grad = torch.empty_like(parameter)
                optimizer.step()
    return waits.found


def test_the_detector_sees_a_copy_and_a_read():
    with on("meta"), Waits() as waits:
        torch.as_tensor(2.0, device="meta") * torch.empty(3)
        with pytest.raises(RuntimeError):
            torch.empty(()).item()
        torch.full((), 2.0, device="meta")
    assert sorted(waits.found) == ["aten.item at the test", "torch.as_tensor at the test"]
    with on("cuda"), Waits() as waits:
        torch.empty(2).to("cpu")
        torch.empty(2, device="cpu").to("cuda")
    assert sum(waits.found.values()) == 2


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("net", NETS)
def test_no_step_waits(net, norm):
    assert not waits_of_steps(net, "meta", norm)


@pytest.mark.parametrize("norm", ["ei", "tebn", "bntt", "sws"])
def test_no_step_waits_on_fake_cuda_tensors(norm):
    assert not waits_of_steps("VGG", "cuda", norm)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_variant_waits(variant):
    assert not waits_of_steps("VGG", "meta", **VARIANTS[variant])


@pytest.mark.parametrize(
    "name", ["cifar10", "cifar100", "tiny_imagenet", "cifar10_dvs", "dvs_gesture"]
)
def test_no_augmentation_waits(name):
    shape = (4, 3, 2, 48, 48) if "dvs" in name else (4, 3, 32, 32)
    with on("cuda"), Waits() as waits:
        augment(name, torch.zeros(shape), None)
    assert not waits.found


@pytest.mark.parametrize("net", ["MLP", "VGG", "events"])
def test_evaluation_reads_nothing_before_its_last_batch(net, monkeypatch):
    """Meta tensors have no values: the first read raises, and by then every batch has passed."""
    monkeypatch.setattr("eisnn.training.evaluation.BATCH", BATCH)
    calls: list[int] = []
    with on("meta"):
        model = network(net)
        model.register_forward_hook(lambda *_: calls.append(1))
        with Waits() as waits, pytest.raises(RuntimeError):
            evaluate(model, split(net, model.T))
    assert len(calls) == IMAGES // BATCH
    assert not [place for place in waits.found if not place.startswith("aten.item")]


def test_a_step_is_traced_without_writes_into_single_steps():
    """Writing step by step into one tensor becomes a copy of the whole for every step under a
    compiler.
    """
    from eisnn.layers.neurons import lif

    names: list[str] = []

    class Names(TorchDispatchMode):
        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            names.append(str(function._overloadpacket))
            return function(*args, **(kwargs or {}))

    current = torch.rand(5, 3, 4, requires_grad=True)
    with Names():
        lif(current).sum().backward()
    assert "aten.stack" in names or "aten.cat" in names
    assert "aten.copy_" not in names
