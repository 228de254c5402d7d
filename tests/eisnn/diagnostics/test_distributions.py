"""Histograms of --log 2.

Counts by hand, edges with room, one file that is gone on with after a restart.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from eisnn import build_model, initialize
from eisnn.diagnostics.distributions import BINS, Distributions, choose_edges, count, tensors

MODEL = {
    "arch": "VGG",
    "layers": 4,
    "width": 1 / 16,
    "T": 2,
    "input_shape": (1, 8, 8),
    "classes": 4,
}


def network(**model):
    net = build_model({"model": {**MODEL, **model}})
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    initialize(net, x)
    return net, x


def step(net, x):
    F.cross_entropy(net(x), torch.arange(8) % 4).backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.01 * parameter.grad
            parameter.grad = None


def read(path):
    with np.load(path) as file:
        return dict(file)


def test_count_by_hand():
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    assert count(np.array([-5.0, 0.0, 0.5, 1.0, 2.0, 2.9, 3.0, 99.0]), edges).tolist() == [3, 1, 4]
    assert count(np.array([]), edges).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "signed", "low", "high"),
    [
        (np.linspace(0, 2, 10_001), False, 0, 2.997),
        (np.linspace(-1, 1, 10_001), True, -1.996, 1.996),
        (np.linspace(-1, 1, 10_001), False, -1.996, 1.996),  # Dale's law off: the data decide
        (np.full(5, 0.25), False, 0, 1),
        (np.zeros(5), False, 0, 1),
        (np.zeros(5), True, -1, 1),
        (np.full(5, -3.0), True, -6, 0),
        (np.zeros(0), True, -1, 1),
        (np.zeros(0), False, 0, 1),
    ],
)
def test_edges_leave_room(values, signed, low, high):
    edges = choose_edges(values, signed=signed)
    assert len(edges) == BINS + 1
    assert edges[[0, -1]] == pytest.approx([low, high])
    assert (np.diff(edges) > 0).all()


def test_file_has_every_parameter_and_activity(tmp_path):
    net, x = network()
    record = Distributions(net, x, tmp_path / "distributions.npz")
    record.record(1)
    step(net, x)
    record.record(2)
    found = read(tmp_path / "distributions.npz")
    assert found["epochs"].tolist() == [1, 2]
    names = {key.removeprefix("counts/") for key in found if key.startswith("counts/")}
    activity = {
        f"{layer}/{name}"
        for layer in ("features.0", "features.2", "features.4", "output")
        for name in ("input", "output")
    }
    circuit = {
        f"{layer}/{name}"
        for layer in ("features.0", "features.2", "features.4")
        for name in ("g_I", "g_E", "b_E")
    }
    weights = {
        f"{layer}/{name}"
        for layer in ("features.0", "features.2", "features.4", "output")
        for name in ("W_EE", "W_IE", "W_EI")
    }
    assert names == activity | circuit | weights
    for name in names:
        assert found[f"edges/{name}"].shape == (BINS + 1,)
        assert found[f"counts/{name}"].shape == (2, BINS)
        assert found[f"counts/{name}"].dtype == np.int64
    assert (found["counts/features.2/W_EE"].sum(1) == 8 * 4 * 9).all()
    assert (found["counts/features.0/input"].sum(1) == 8 * 64).all()
    assert (
        found["counts/features.2/output"].sum(1) == 2 * 8 * 8 * 16
    ).all()  # T B, channels, positions
    assert (found["counts/output/output"].sum(1) == 2 * 8 * 4).all()
    assert (found["counts/output/W_EE"][0] != found["counts/output/W_EE"][1]).any()


def test_values_are_what_the_network_uses():
    net, x = network()
    first = next(net.blocks())
    found = tensors(net, x)
    assert torch.equal(found["features.0/input"], x.flatten())
    assert torch.allclose(found["features.0/output"], first.drive(x).flatten())
    softplus = build_model({"model": MODEL, "circuit": {"dale": "softplus"}})
    initialize(softplus, x)
    assert (tensors(softplus, x)["features.0/W_EE"] > 0).all()


def test_baseline_has_its_own_parameters():
    net, x = network(norm="bn")
    kinds = {key.rpartition("/")[2] for key in tensors(net, x)}
    assert kinds == {"weight", "norm.weight", "norm.bias", "bias", "input", "output"}


def test_resuming_repeats_no_epoch_and_changes_no_count(tmp_path):
    def run(path, restart):
        net, x = network()
        record = Distributions(net, x, path)
        for epoch in (1, 2, 3):
            step(net, x)
            record.record(epoch)
            if restart == epoch:
                record = Distributions(net, x, path)
                record.record(
                    epoch
                )  # killed after the file, before the checkpoint: the epoch comes again
        return path.read_bytes()

    assert run(tmp_path / "a.npz", restart=2) == run(tmp_path / "b.npz", restart=None)
    net, x = network()
    record = Distributions(net, x, tmp_path / "a.npz")
    record.record(2)
    assert read(tmp_path / "a.npz")["epochs"].tolist() == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_damaged_file_is_said_and_started_anew(tmp_path):
    path = tmp_path / "distributions.npz"
    net, x = network()
    Distributions(net, x, path).record(1)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.warns(UserWarning, match="is damaged"):
        record = Distributions(net, x, path)
    record.record(2)
    assert read(path)["epochs"].tolist() == [2]


def test_diverged_network_is_recorded_without_its_infinities(tmp_path):
    net, x = network()
    with torch.no_grad():
        next(net.circuits()).W_EE.fill_(torch.nan)
    Distributions(net, x, tmp_path / "d.npz").record(1)
    found = read(tmp_path / "d.npz")
    assert found["counts/features.0/W_EE"].sum() == 0
    assert np.isfinite(found["edges/features.0/W_EE"]).all()


def test_training_does_not_notice(tmp_path):
    def train(observe):
        net, x = network(norm="bn")
        net.train()
        for epoch in (1, 2):
            step(net, x)
            if observe:
                Distributions(net, x, tmp_path / "d.npz").record(epoch)
            assert net.training
        return list(net.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(train(True), train(False), strict=True))


def test_file_stays_compact(tmp_path):
    """300 epochs of VGG-8's 42 tensors: under 3 MB, though every count changes."""
    rng = np.random.default_rng(0)
    counts = {
        f"counts/layer.{i}/W_EE": rng.poisson(2000 * np.exp(-np.arange(BINS) / 8), (300, BINS))
        for i in range(42)
    }
    np.savez_compressed(tmp_path / "x.npz", **counts)
    assert (tmp_path / "x.npz").stat().st_size < 3e6
