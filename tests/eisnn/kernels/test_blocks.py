"""Whole blocks by kernels equal the readable path, in networks of every family."""

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from eisnn import build_model, build_optimizer, initialize
from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.train import TrainConfig
from eisnn.kernels import blocks, choose
from eisnn.kernels.cpu import build
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks.network import Block
from tests.eisnn.kernels.needs import needs_kernels

NETS = {
    "VGG": {"arch": "VGG", "layers": 5, "width": 0.25, "T": 3, "input_shape": [1, 10, 12]},
    "VGG, 1x1 maps": {"arch": "VGG", "layers": 8, "width": 0.125, "T": 2, "input_shape": [1, 8, 8]},
    "ResNet": {"arch": "ResNet", "layers": 18, "width": 0.125, "T": 2, "input_shape": [3, 8, 8]},
    "MLP": {"arch": "MLP", "layers": 4, "width": 0.1, "T": 4, "input_shape": [1, 6, 6]},
}


def network(name, dtype=torch.float64, **sections):
    model = build_model({"model": NETS[name], **sections}).to(dtype)
    x = torch.rand(6, *NETS[name]["input_shape"], generator=torch.Generator().manual_seed(0)).to(
        dtype
    )
    initialize(model, x, seed=0)
    return model, x


def step(model, x):
    model.zero_grad()
    logits = model(x)
    F.cross_entropy(logits, torch.arange(len(x)) % 10).backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters())]


def force_plain(model):
    for block in model.blocks():
        block.plain_because = "test"
    return model


@needs_kernels
@pytest.mark.parametrize("norm", ["ei", "bn", "tebn"])
@pytest.mark.parametrize("name", NETS)
def test_whole_networks_agree_in_float64(name, norm):
    model, x = network(name) if norm == "ei" else network(name, model={**NETS[name], "norm": norm})
    assert all(block.plain_because is None for block in model.blocks())
    fast = step(model, x)
    for a, b in zip(fast, step(force_plain(model), x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


@needs_kernels
@pytest.mark.parametrize("norm", ["ei", "bn", "none"])
@pytest.mark.parametrize("name", NETS)
def test_layers_agree_in_float32_on_the_spikes_that_really_reach_them(name, norm):
    model, x = network(name, torch.float32, model={**NETS[name], "norm": norm})
    seen = []
    for block in model.blocks():
        block.register_forward_hook(lambda block, args, out: seen.append((block, args, out)))
    with torch.no_grad():
        model(x)
        for block, args, out in seen:
            block._forward_hooks.clear()
            block.plain_because = "test"
            assert (block(*args) != out).float().mean() < 2e-3


@needs_kernels
def test_a_hook_sees_spikes_that_are_neither_pooled_nor_summed():
    for name in ("VGG", "ResNet"):
        model, x = network(name, torch.float32)
        unhooked = model(x)
        seen = []
        for block in model.blocks():
            block.register_forward_hook(
                lambda _block, _args, out, seen=seen: seen.append(out.unique().tolist())
            )
        torch.testing.assert_close(model(x), unhooked)
        assert len(seen) == len(list(model.blocks()))
        assert all(set(values) <= {0.0, 1.0} for values in seen)


def test_currents_do_not_depend_on_the_convolution_algorithm():
    """Without oneDNN torch convolves batches by another algorithm (FFT), which turns true zeros of
    I_div into rounding noise.
    """
    torch.manual_seed(0)
    circuit = CircuitLayer(
        16, 32, config=CircuitConfig(), ei_ratio=4, T=1, kernel=3, padding=1, name="c"
    )
    with torch.no_grad():
        for name in ("W_EE", "W_IE", "W_EI"):
            getattr(circuit, name).exponential_(1 / 0.05)
        spikes = (torch.rand(64, 16, 16, 16) > 0.97).float()
        spikes[:, :, :8] = 0
        exact = circuit.double()(spikes.double())
        circuit.float()
        scale = exact.abs().max()
        assert (circuit(spikes) - exact).abs().max() < 1e-6 * scale
        with torch.backends.mkldnn.flags(enabled=False):
            assert (circuit(spikes) - exact).abs().max() < 2e-4 * scale, (
                "the noise in I_ee; as a divisor it would be far more"
            )
        if build.why_unavailable() is None:
            joint = blocks.map_input(circuit, spikes)
            ours = circuit.integrate(joint[:, :32], joint[:, 32:])
            assert (ours - exact).abs().max() < 3e-6 * scale
            assert (ours[exact == 0] == 0).all()


@pytest.mark.parametrize("fast", [pytest.param(True, marks=needs_kernels), False])
@pytest.mark.parametrize("name", ["MLP", "VGG"])
def test_forward_and_loss_trace_without_a_break(name, fast):
    model, x = network(
        name, torch.float32, model={**NETS[name], "layers": {"MLP": 2, "VGG": 4}[name]}
    )
    if not fast:
        force_plain(model)
    y = torch.arange(len(x)) % 10
    torch._dynamo.reset()
    choose.fix_for_compiler()
    traced = torch.compile(
        lambda x, y: F.cross_entropy(model(x), y), backend="aot_eager", fullgraph=True
    )
    loss = traced(x, y)
    loss.backward()
    torch.testing.assert_close(loss, F.cross_entropy(model(x), y), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_step_runs_on_fake_tensors(device):
    """Nothing in a step asks the device for a value: fake tensors have none to give. Without a GPU
    torch's autograd engine refuses fake CUDA tensors, so there it is forward, loss and optimiser.
    """
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device(device):
        model = build_model({"model": NETS["VGG"]})
        model.initialized = True
        optimizer = build_optimizer(model, TrainConfig())
        loss = F.cross_entropy(model(torch.empty(4, 1, 10, 12)), torch.zeros(4, dtype=torch.long))
        if device == "cuda" and not torch.cuda.is_available():
            for p in model.parameters():
                p.grad = torch.empty_like(p)
            for group in optimizer.param_groups:  # torch cannot trace its fused update
                group["fused"] = False
        else:
            loss.backward()
        optimizer.step()
        assert all(p.grad is not None and p.grad.device.type == device for p in model.parameters())


def test_a_block_without_hooks_is_not_observed():
    block = next(network("MLP", torch.float32)[0].blocks())
    assert isinstance(block, Block)
    assert not block.observed
