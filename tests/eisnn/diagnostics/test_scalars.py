"""Diagnostics: numbers that can be checked by hand, a slow twin for currents, and that training
does not notice."""

import csv
import math

import pytest
import torch
import torch.nn.functional as F

from eisnn import build_model, initialize
from eisnn.diagnostics.scalars import (
    HEADER,
    Probe,
    Row,
    append_rows,
    bimodality,
    correlation,
    divisive_quantities,
    probe_size,
)

MLP = {"arch": "MLP", "layers": 4, "width": 0.05, "T": 3, "input_shape": (1, 4, 4), "classes": 4}
VGG = {"arch": "VGG", "layers": 4, "width": 1 / 16, "T": 2, "input_shape": (1, 8, 8), "classes": 4}
RESNET = {
    "arch": "ResNet",
    "layers": 18,
    "width": 1 / 16,
    "T": 2,
    "input_shape": (1, 8, 8),
    "classes": 4,
}


def network(model=MLP, seed=0, **sections):
    """A network with weights by E-I Init.

    Options under which it would start silent get those of the circuit without them.
    """
    net = build_model({"model": model, **sections})
    x = torch.rand(12, *model["input_shape"], generator=torch.Generator().manual_seed(seed))
    if "circuit" in sections and "dale" not in sections["circuit"]:
        usual = build_model({"model": model})
        initialize(usual, x, seed=seed)
        net.load_state_dict(usual.state_dict())
    else:
        initialize(net, x, seed=seed)
    return net, x, torch.arange(12) % 4


def measured(net, x, y=None, epoch=1):
    return {(row.layer, row.quantity): row.value for row in Probe(net, x, y).measure(epoch)}


def test_bimodality_of_known_distributions():
    assert bimodality(torch.tensor([-1.0, 1.0] * 50)).item() == pytest.approx(1)
    assert bimodality(torch.linspace(0, 1, 100_001)).item() == pytest.approx(5 / 9, rel=1e-4)
    assert bimodality(
        torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    ).item() == pytest.approx(1 / 3, rel=0.01)
    assert bimodality(torch.tensor([0.0, 0.0, 0.0, 4.0])).item() == pytest.approx(
        (4 / 3 + 1) / (7 / 3)
    )  # skew^2 = 4/3, kurtosis = 7/3
    assert math.isnan(bimodality(torch.full((99,), 1 / 3)).item())
    assert math.isnan(bimodality(torch.zeros(9)).item())


def test_correlation_by_channel():
    a = torch.tensor([[1.0, 1.0, 5.0], [2.0, 2.0, 5.0], [3.0, 3.0, 5.0]])  # 3 samples of 3 channels
    b = torch.tensor([[2.0, 3.0, 1.0], [4.0, 2.0, 2.0], [6.0, 2.5, 3.0]])
    assert correlation(a, b).item() == pytest.approx(
        (1 - 0.5) / 2
    )  # r = 1, -1/2, and none (a constant)
    images = a.T.reshape(1, 3, 1, 3)  # the same numbers along positions
    assert correlation(images, b.T.reshape(1, 3, 1, 3)).item() == pytest.approx(0.25)
    assert math.isnan(correlation(torch.ones(4, 2), torch.ones(4, 2)).item())


def test_divisive_inhibition_by_hand():
    I_div = torch.cat(
        [torch.zeros(1, 100), torch.arange(1.0, 101.0)[None]]
    )  # one silent sample, one from 1 to 100
    I_div[1, 5] = 1e-5  # rounding noise beside 100: zero for the stabiliser (2^-16 of the largest)
    found = {name: value.item() for name, value in divisive_quantities(I_div).items()}
    assert found["I_div_zero_fraction"] == pytest.approx(101 / 200)
    assert found["I_div_min_positive"] == 1
    assert found["I_div_q01"] == 0
    assert found["I_div_q50"] == pytest.approx(0.5, abs=0.51)
    assert found["I_div_q99"] == pytest.approx(98, abs=1)


def test_rates_by_hand():
    """Gains 0: the current is b_E alone.

    b = 2 fires at every step, 0.7 at the second of three, 0 never.
    """
    net, x, _ = network()
    hidden = next(net.circuits())
    with torch.no_grad():
        hidden.g_E.zero_()
        hidden.b_E.zero_()
        hidden.b_E[:5] = 2
        hidden.b_E[5:15] = 0.7
    found = measured(net, x)
    assert found["hidden.0", "rate"] == pytest.approx((5 + 10 / 3) / 25)
    assert found["hidden.0", "silent_fraction"] == pytest.approx(10 / 25)
    assert found["hidden.0", "saturated_fraction"] == pytest.approx(5 / 25)
    assert found["hidden.0", "P_above_threshold"] == pytest.approx(5 / 25)
    assert found["hidden.0", "I_int_mean"] == pytest.approx((5 * 2 + 10 * 0.7) / 25)
    assert found["hidden.0", "clamped_fraction/g_E"] == 1
    assert ("output", "rate") not in found


@pytest.mark.parametrize("model", [MLP, VGG, RESNET], ids=["mlp", "vgg", "resnet"])
@pytest.mark.parametrize(
    "circuit",
    [{}, {"inhibitory_cells": "spiking"}, {"dale": "softplus"}],
    ids=["linear", "spiking", "softplus"],
)
def test_currents_are_those_of_the_forward_pass(model, circuit):
    """What is recomputed from a block's input equals what the layer itself computes when it is
    called by hand, step by step."""
    net, x, _ = network(
        {**model, "width": 1 / 8 if model is RESNET else model["width"]}, circuit=circuit
    )
    spikes, first = [], next(net.blocks())
    handle = first.register_forward_hook(lambda module, args, out: spikes.append(out))
    found = measured(net, x)
    handle.remove()
    current = first.drive(
        x.flatten(1).repeat(net.T, 1) if model is MLP else x.repeat(net.T, 1, 1, 1)
    )
    name = first.drive.name
    assert found[name, "I_int_mean"] == pytest.approx(current.mean().item(), rel=1e-4, abs=1e-6)
    assert found[name, "rate"] == pytest.approx(spikes[0].mean().item())
    assert found[name, "rate"] == pytest.approx(first.neuron(current).mean().item())
    assert any(key.startswith("clamped") for _, key in found) == (
        circuit.get("dale", "project") == "project"
    )


def test_balance_by_hand():
    """W_EI = 1/n_I, and inhibitory weights equal to the mean excitatory ones.

    I_sub is the mean of I_ee, the ratio exactly 1.
    """
    net, x, _ = network()
    hidden = next(net.circuits())
    with torch.no_grad():
        hidden.W_IE.copy_(hidden.W_EE.mean(0, keepdim=True))
        hidden.W_EI.fill_(1 / hidden.W_EI.shape[1])
    found = measured(net, x)
    assert found["hidden.0", "ei_ratio_current"] == pytest.approx(1, rel=1e-5)
    I_ee = x.flatten(1) @ hidden.W_EE.T
    r = [torch.corrcoef(torch.stack([cell, I_ee.mean(1)]))[0, 1].item() for cell in I_ee.T]
    assert found["hidden.0", "balance_correlation"] == pytest.approx(sum(r) / len(r), rel=1e-4)


def test_gradient_norms_are_those_of_the_loss():
    net, x, y = network(VGG)
    found = measured(net, x, y)
    net.eval()
    F.cross_entropy(net(x), y).backward()
    circuits = {circuit.name: circuit for circuit in net.circuits()}
    norms = {key: value for key, value in found.items() if key[1].startswith("grad_norm/")}
    assert len(norms) == len(list(net.parameters()))
    for (layer, quantity), value in norms.items():
        assert value == pytest.approx(
            getattr(circuits[layer], quantity.removeprefix("grad_norm/")).grad.norm().item(),
            rel=1e-5,
        )


def test_without_labels_there_are_no_gradients():
    net, x, _ = network()
    assert not any(quantity.startswith("grad_norm") for _, quantity in measured(net, x))


@pytest.mark.parametrize(
    ("circuit", "absent"),
    [
        ({"subtractive": False}, {"ei_ratio_current", "balance_correlation"}),
        ({"divisive": False}, {"I_div_q50", "I_div_zero_fraction"}),
        ({"learn_g_I": False}, {"grad_norm/g_I"}),
    ],
)
def test_what_does_not_exist_has_no_row(circuit, absent):
    net, x, y = network(circuit=circuit)
    assert not absent & {quantity for _, quantity in measured(net, x, y)}


def test_what_is_not_finite_has_no_row():
    net, x, y = network()
    with torch.no_grad():
        for circuit in net.circuits():
            circuit.W_EE.fill_(torch.nan)
    rows = Probe(net, x, y).measure(3)
    assert rows
    assert all(math.isfinite(row.value) for row in rows)


@pytest.mark.parametrize("norm", ["bn", "none"])
def test_baselines_have_the_rows_that_make_sense(norm):
    net, x, y = network({**VGG, "norm": norm})
    found = measured(net, x, y)
    kinds = {quantity for _, quantity in found}
    assert {
        "rate",
        "silent_fraction",
        "I_int_mean",
        "I_int_std",
        "P_above_threshold",
        "grad_norm/weight",
        "bimodality/weight",
    } <= kinds
    assert not any(
        quantity.startswith(("I_div", "ei_", "balance", "clamped")) for quantity in kinds
    )
    if norm == "bn":
        assert "grad_norm/norm.weight" in kinds


def test_rows_are_tidy_and_in_the_order_of_the_layers():
    net, x, y = network(VGG)
    rows = Probe(net, x, y).measure(7)
    assert {row.epoch for row in rows} == {7}
    assert list(dict.fromkeys(row.layer for row in rows)) == [
        "features.0",
        "features.2",
        "features.4",
        "output",
    ]
    assert len({(row.layer, row.quantity) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "model", [MLP, {**VGG, "norm": "bn"}, RESNET], ids=["ei-mlp", "bn-vgg", "ei-resnet"]
)
def test_training_does_not_notice(model):
    """Two epochs with and without.

    The same bits in weights, buffers, momenta, gradients, random numbers; the same mode.
    """

    def train(observe):
        torch.manual_seed(0)
        net, x, y = network({**model, "width": 1 / 8} if model is RESNET else model)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        probe = Probe(net, x[:5], y[:5])
        for epoch in range(2):
            net.train()
            for _ in range(2):
                optimizer.zero_grad()
                F.cross_entropy(net(x + 0.1 * torch.rand_like(x)), y).backward()
                if observe:
                    probe.measure(epoch)  # even between backward and step
                optimizer.step()
            if observe:
                probe.measure(epoch)
            assert all(module.training for module in net.modules())
        state = [*net.state_dict().values(), *(p.grad for p in net.parameters()), torch.rand(3)]
        return state + [value["momentum_buffer"] for value in optimizer.state.values()]

    with_probe, without = train(True), train(False)
    assert all(torch.equal(a, b) for a, b in zip(with_probe, without, strict=True))


def test_append_rows_goes_on_and_replaces_what_is_repeated(tmp_path):
    path = tmp_path / "diagnostics.csv"
    for epoch in (1, 2, 3):
        append_rows(
            path, [Row(epoch, "hidden.0", "rate", epoch / 3), Row(epoch, "output", "rate", 1e-12)]
        )
    whole = path.read_text()
    append_rows(path, [Row(2, "hidden.0", "rate", 0.5)])  # resumed from the checkpoint of epoch 1
    with path.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(HEADER)
    assert [row[0] for row in rows[1:]] == ["1", "1", "2"]
    assert rows[3] == ["2", "hidden.0", "rate", "0.5"]
    append_rows(path, [Row(2, "hidden.0", "rate", 2 / 3), Row(2, "output", "rate", 1e-12)])
    append_rows(path, [Row(3, "hidden.0", "rate", 1), Row(3, "output", "rate", 1e-12)])
    assert path.read_text() == whole
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("torn", ["3,hid", "3,hidden.0,rate,0.12", "\x00\x00\x00"])
def test_append_rows_drops_a_line_torn_by_a_crash(tmp_path, torn):
    path = tmp_path / "diagnostics.csv"
    append_rows(path, [Row(1, "a", "rate", 0.25)])
    append_rows(path, [Row(2, "a", "rate", 0.25)])
    with path.open("a") as file:
        file.write(torn)
    append_rows(path, [Row(3, "a", "rate", 0.5)])
    assert (
        path.read_text()
        == "epoch,layer,quantity,value\n1,a,rate,0.25\n2,a,rate,0.25\n3,a,rate,0.5\n"
    )


def test_append_rows_without_rows_does_nothing(tmp_path):
    append_rows(tmp_path / "diagnostics.csv", [])
    assert not list(tmp_path.iterdir())


def test_probe_size():
    assert [probe_size(n) for n in (100, 1257, 6400, 45_000)] == [16, 16, 64, 128]
