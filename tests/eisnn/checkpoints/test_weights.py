"""Weight files: every kind is read, none can execute code, and exports come back as they were."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from eisnn.checkpoints.checkpoint import save_checkpoint
from eisnn.checkpoints.weights import export_safetensors, load_network, load_weights, put_weights
from eisnn.config.trial import resolved
from eisnn.data.loading import load
from eisnn.errors import CheckpointError
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from eisnn.training.evaluation import evaluate
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
        CheckpointError, match=r"a.safetensors: does not describe its network; give the config"
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


# --- the authors' own checkpoints


AUTHORS = Path(__file__).parents[2] / "data" / "authors"


def test_a_checkpoint_of_the_authors_gives_their_numbers(monkeypatch, tmp_path):
    """Its config is read from it, and the states of numpy's generator are read as nothing."""
    shutil.copytree(AUTHORS / "MNIST", tmp_path / "MNIST")
    monkeypatch.setenv("EISNN_DATA", str(tmp_path))
    model = load_network(AUTHORS / "ckpt-best.pth")
    test = load(model.config.data, T=model.T).test
    outcome = evaluate(model, test)
    assert outcome.accuracy == pytest.approx(0.865, abs=1e-9)
    assert outcome.loss == pytest.approx(1.1454, abs=5e-5)


def test_what_stands_in_for_numpy_does_nothing(tmp_path, theirs):
    state = np.random.RandomState(0).get_state()
    torch.save({"model_state_dict": theirs, "np_rng_state": state}, tmp_path / "a.pth")
    assert load_weights(tmp_path / "a.pth").tensors.keys() == theirs.keys()


def test_the_authors_event_data_is_split_as_theirs(tmp_path):
    config = {"model": {**CONFIG["model"], "input_shape": [2, 48, 48]}, "circuit": {"ei_ratio": 2}}
    config["data"] = {"name": "cifar10_dvs"}
    weights = golden.weights(golden.authors_keys(build_model(config)), seed=1)
    torch.save(weights, tmp_path / "a.pth")
    assert load_network(tmp_path / "a.pth", config).config.data.split == "authors"


# --- tensors that are no weights


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda w: w.to_sparse(), "is sparse"),
        (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "is quantised"),
        (lambda w: w.to("meta"), "has a shape but no numbers"),
        (lambda w: w.to(torch.complex64), "is complex"),
        (lambda w: w * torch.nan, "has entries that are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_no_weights_are_named(spoil, problem, network, tmp_path):
    tensors = {name: value.detach() for name, value in network.state_dict().items()}
    tensors["output.W_EE"] = spoil(tensors["output.W_EE"])
    torch.save(tensors, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=rf"a.pt: output.W_EE {problem}"):
        load_weights(tmp_path / "a.pt")


def test_foreign_metadata_of_safetensors_are_not_taken_for_a_config(network, tmp_path):
    tensors = {name: value.detach().clone() for name, value in network.state_dict().items()}
    for number, config in enumerate(["no json", '{"hidden_size": 3}', "[1]"]):
        path = tmp_path / f"{number}.safetensors"
        save_file(tensors, path, metadata={"format": "pt", "config": config})
        assert load_weights(path).config is None
        assert same(load_network(path, CONFIG), network)


def test_negative_weights_of_ours_are_projected_and_reported(network):
    tensors = dict(network.state_dict())
    tensors["output.W_EE"] = tensors["output.W_EE"] - 1e9
    model = build_model(CONFIG)
    report = put_weights(model, tensors)
    assert report.projected == {"output.W_EE": tensors["output.W_EE"].numel()}
    assert not model.output.W_EE.any()
