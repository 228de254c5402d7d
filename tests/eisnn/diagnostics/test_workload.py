"""NeuroBench's counts: by hand, against the circuit's own equations, and against the package."""

import csv

import pytest
import torch

from eisnn import build_model, initialize
from eisnn.diagnostics.workload import access_pj, measure_workload, write_workload


def network(arch="MLP", layers=2, norm="none", T=3, shape=(1, 8, 8), **model):
    tree = {"arch": arch, "layers": layers, "norm": norm, "T": T, "width": 0.1, "classes": 10}
    tree |= {"input_shape": list(shape), **model}
    net = build_model({"model": tree})
    x = torch.rand(5, *shape, generator=torch.manual_seed(0))
    initialize(net, x)
    return net.eval(), x


def test_a_small_network_by_hand():
    """Two layers: 4 pixels -> 50 cells -> 10 classes, T = 2, one image, weights set by hand."""
    net, _ = network(T=2, shape=(1, 2, 2))
    hidden, output = next(net.blocks()).drive.map, net.output
    with torch.no_grad():
        hidden.weight.zero_()
        hidden.weight[:20] = 1.0  # 20 cells see every pixel
        output.weight.fill_(0.5)
    # Two pixels of 0.6: each of the 20 cells gets 1.2, fires at both steps (v = 1.2, then 1.3).
    image = torch.tensor([[[[0.6, 0.6], [0.0, 0.0]]]])
    first, last, total = measure_workload(net, image)
    assert (first.weights, first.zero_weights) == (200, 120)
    assert first.connection_sparsity == 0.6
    assert (first.effective_macs, first.effective_acs, first.dense) == (40, 0, 200)
    assert (first.activations, first.spikes, first.activation_sparsity) == (100, 40, 0.6)
    assert (last.effective_macs, last.effective_acs, last.dense) == (0, 400, 1000)
    # All 50 potentials count at the first step; at the second, those of the 20 cells change.
    assert first.membrane_updates == 70
    assert last.membrane_updates == 0
    assert total.layer == "network"
    assert (total.weights, total.dense, total.spikes) == (700, 1200, 40)
    assert total.footprint == 4 * (200 + 50 + 500 + 10)
    # 5 pJ an access: every memory here is below 8 kB.
    expected = 40 * (4.6 + 10) + 50 * 5 + 70 * (4.6 + 10) + 40 * 10
    assert first.memory_energy_nj == pytest.approx(expected * 1e-3)
    assert last.memory_energy_nj == pytest.approx(400 * (0.9 + 5 + 10) * 1e-3)


@pytest.mark.parametrize(("size", "pj"), [(1, 5), (8e3, 5), (20e3, 7.5), (32e3, 10), (1e6, 50)])
def test_memories_cost_more_the_larger_they_are(size, pj):
    assert access_pj(size) == pytest.approx(pj)
    assert access_pj(2e6) > 50


def test_a_circuit_has_three_maps():
    net, x = network(norm="ei", T=2)
    first, last, _ = measure_workload(net, x)
    n_E, n_I, d = 50, 12, 64
    assert first.weights == (n_E + n_I) * d + n_E * n_I
    # The static image is mapped once; so are the currents of its inhibitory cells, for two
    # products.
    assert first.dense == (n_E + n_I) * d + 2 * n_E * n_I
    assert first.effective_acs == 0
    # The read-out subtracts only, at each of two steps.
    assert last.dense == 2 * ((10 + 2) * n_E + 10 * 2)
    assert last.effective_macs <= 2 * 10 * 2
    assert last.effective_acs == pytest.approx(first.spikes * 12, rel=0.01)


def test_counts_are_the_same_for_any_batch_and_leave_no_trace():
    net, x = network("VGG", 5, "bn", shape=(1, 28, 28))
    state = {name: value.clone() for name, value in net.state_dict().items()}
    whole = measure_workload(net, x)[-1]
    parts = [measure_workload(net, image[None])[-1] for image in x]
    for name in ("dense", "spikes", "membrane_updates", "effective_acs"):
        mean = sum(getattr(part, name) for part in parts) / len(parts)
        assert getattr(whole, name) == pytest.approx(mean)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_the_csv_has_a_line_for_each_layer_and_the_network(tmp_path):
    net, x = network()
    write_workload(tmp_path / "w.csv", measure_workload(net, x))
    rows = list(csv.DictReader((tmp_path / "w.csv").open()))
    assert [row["layer"] for row in rows] == ["hidden.0", "output", "network"]
    assert 0 <= float(rows[-1]["activation_sparsity"]) <= 1


@pytest.mark.parametrize(
    ("arch", "layers", "norm"), [("MLP", 4, "none"), ("VGG", 5, "bn"), ("ResNet", 18, "gn")]
)
def test_the_package_counts_the_same(arch, layers, norm):
    pytest.importorskip("neurobench")
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import TorchModel

    from eisnn.layers.neurons import LIF

    net, x = network(arch, layers, norm, shape=(1, 16, 16))
    for parameter in net.parameters():
        with torch.no_grad():
            parameter[torch.rand_like(parameter) < 0.1] = 0.0
    for block in net.blocks():
        block.plain_because = "the package watches the cells by themselves"
    wrapped = TorchModel(net)
    wrapped.add_activation_module(LIF)
    wrapped.register_hooks()
    with torch.no_grad():
        predictions = wrapped(x)
    data = (x, torch.zeros(5))
    theirs = SynapticOperations()(wrapped, predictions, data)
    sparsity = ActivationSparsity()(wrapped, predictions, data)
    wrapped.cleanup_hooks()
    ours = measure_workload(net, x)[-1]
    assert ours.effective_macs == pytest.approx(theirs["Effective_MACs"], rel=1e-6)
    assert ours.effective_acs == pytest.approx(theirs["Effective_ACs"], rel=1e-6)
    assert ours.dense == pytest.approx(theirs["Dense"], rel=1e-6)
    assert ours.activation_sparsity == pytest.approx(sparsity, abs=1e-9)
    assert ours.footprint == Footprint()(wrapped)
    assert ours.connection_sparsity == pytest.approx(ConnectionSparsity()(wrapped), abs=1e-4)
