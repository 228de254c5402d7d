"""Weight files: every kind is read, none can execute code, and exports come back as they were."""

import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from eisnn.checkpoints.checkpoint import save_checkpoint
from eisnn.checkpoints.weights import export_safetensors, load_network, load_weights, put_weights
from eisnn.config.trial import resolved
from eisnn.errors import CheckpointError
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from tests.eisnn import golden

CONFIG = {
    "model": {
        "arch": "VGG",
        "layers": 4,
        "width": 0.125,
        "input_shape": [1, 8, 8],
        "classes": 10,
        "T": 2,
    },
    "circuit": {"ei_ratio": 2},
}


@pytest.fixture
def network():
    model = build_model(CONFIG)
    initialize(model, torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    return model.eval()


@pytest.fixture
def theirs():
    weights = golden.weights(golden.authors_keys(build_model(CONFIG)), seed=1)
    return {name: value.float() for name, value in weights.items()}


def same(a, b):
    x = torch.rand(3, 1, 8, 8)
    return torch.equal(a.eval()(x), b.eval()(x))


def test_an_export_brings_its_config_and_gives_the_same_network(network, tmp_path):
    export_safetensors(network, tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["config"]) == resolved(network.config)
    again = load_network(tmp_path / "net.safetensors")
    assert again.config == network.config
    assert same(again, network)


def test_a_checkpoint_of_ours_brings_its_config(network, tmp_path):
    save_checkpoint(
        tmp_path / "c.pt",
        {"config": resolved(network.config), "model": network.state_dict(), "epoch": 3},
    )
    again = load_network(tmp_path / "c.pt")
    assert same(again, network)


@pytest.mark.parametrize("wrap", [
    lambda w: w,
    lambda w: {"model": w, "epoch": 3, "best": 0.9},
    lambda w: {"state_dict": {f"module.{name}": value for name, value in w.items()}},
    lambda w: {"net": {"state_dict": w}},
    lambda w: {f"module._orig_mod.{name}": value for name, value in w.items()},
])  # fmt: skip
def test_the_authors_weights_are_found_where_people_put_them(wrap, theirs, tmp_path):
    torch.save(wrap(theirs), tmp_path / "a.pth")
    model = load_network(tmp_path / "a.pth", CONFIG)
    reference = build_model(CONFIG)
    put_weights(reference, theirs)
    assert same(model, reference)


def test_shapes_left_open_come_from_the_dataset(tmp_path):
    config = {
        "model": {"arch": "MLP", "layers": 2, "width": 0.02, "norm": "bn", "T": 1},
        "data": {"name": "fashion_mnist"},
    }
    model = build_model({**config, "model": {**config["model"], "input_shape": [1, 28, 28]}})
    torch.save(model.state_dict(), tmp_path / "a.pt")
    assert load_network(tmp_path / "a.pt", config).config.model.input_shape == (1, 28, 28)


def test_the_authors_safetensors_are_read_with_a_config(theirs, tmp_path):
    save_file(theirs, tmp_path / "a.safetensors")
    model = load_network(tmp_path / "a.safetensors", CONFIG)
    torch.testing.assert_close(
        model.output.W_EE.detach(), theirs["layers.22.weight_ee"], rtol=0, atol=0
    )
    with pytest.raises(
        CheckpointError, match=r"a.safetensors: says nothing about its network; give the config"
    ):
        load_network(tmp_path / "a.safetensors")


class Payload:
    """A pickle that would write a file when read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "bare pickle"])
def test_a_file_with_code_in_it_is_refused_and_the_code_not_run(legacy, theirs, tmp_path):
    victim = tmp_path / "executed"
    content = {"model": theirs, "args": Payload(victim)}
    if legacy:
        (tmp_path / "bad.pth").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "bad.pth")
    with pytest.raises(
        CheckpointError, match=r"bad.pth: refused.*save its state dict alone"
    ) as error:
        load_weights(tmp_path / "bad.pth")
    assert not victim.exists()
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_missing_truncated_and_empty_files_are_named(name, theirs, tmp_path):
    path = tmp_path / name
    with pytest.raises(CheckpointError, match=rf"{name}: there is no such file"):
        load_weights(path)
    (save_file if name.endswith("tensors") else torch.save)(theirs, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=name):
        load_weights(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=name):
        load_weights(path)


def test_a_file_without_a_state_dict_says_where_was_looked(tmp_path):
    torch.save({"epoch": 3, "losses": [1.0]}, tmp_path / "a.pth")
    with pytest.raises(
        CheckpointError,
        match=r"no state dict found, neither at the top nor under model, state_dict",
    ):
        load_weights(tmp_path / "a.pth")


def test_our_weights_in_another_network_are_refused_by_name(network, tmp_path):
    other = build_model({**CONFIG, "circuit": {"ei_ratio": 4}})
    with pytest.raises(
        CheckpointError,
        match=r"wrong shape \(.*body.layers.0.drive.W_IE \[4, 1, 3, 3\], but the network's is \[2",
    ):
        put_weights(other, network.state_dict())
    assert not other.initialized
