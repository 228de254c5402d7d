"""The trial config: defaults, and an id that names the run and nothing else."""

import copy
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisnn.config import trial as module
from eisnn.config.trial import TrialConfig, load_config, make_config, resolved, trial_id
from eisnn.config.yaml_file import parse_yaml
from eisnn.errors import ConfigError
from tests.eisnn.config.trees import DEFAULT_ID, tree


def test_defaults_are_a_config():
    assert make_config({}) == TrialConfig()
    assert make_config(resolved(TrialConfig())) == TrialConfig()


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("model: {T: 2}\ntrain: {learning_rate: 1e-4}\n")
    assert load_config(path).train.learning_rate == 1e-4
    path.write_text("model: {T: 0}\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: model\.T: must be"):
        load_config(path)


@pytest.mark.parametrize("norm", ["bn", "none", "gn", "sws"])
def test_circuit_is_dropped_for_baselines(norm):
    config = make_config(tree(model__norm=norm, circuit__init__gain=3.0))
    assert config.circuit is None
    assert trial_id(config) == trial_id(make_config(tree(model__norm=norm)))
    assert resolved(config)["circuit"] is None
    assert make_config(resolved(config)) == config


def test_circuit_is_there_for_circuits():
    assert make_config(tree(circuit=None)).circuit == module.CircuitConfig()
    dann = make_config(tree(model__norm="dann", circuit__init__gain=3.0))
    assert (dann.circuit.init.scheme, dann.circuit.init.gain, dann.circuit.prop.corrections) == (
        "dann",
        3.0,
        "dann",
    )
    assert make_config(resolved(dann)) == dann
    assert (
        make_config(
            {"model": {"norm": "dann"}, "circuit": module.CircuitConfig()}
        ).circuit.init.scheme
        == "dann"
    )


def test_id_is_pinned():
    """An accidental change of a default, a field or the hash would silently rename every trial of
    every study."""
    assert trial_id(TrialConfig()) == DEFAULT_ID


def test_id_does_not_depend_on_spelling():
    a = parse_yaml(
        "train: {learning_rate: 1e-3, epochs: 5, momentum: 0}\nmodel: {T: 2, width: 1}\ncircuit:"
        " {divisive: on}\nseed: 3",
        "t",
    )
    b = parse_yaml(
        "seed: 3\ncircuit: {divisive: true}\nmodel: {width: 1.0, T: 2}\ntrain: {momentum: 0.0,"
        " epochs: 5, learning_rate: 0.001}",
        "t",
    )
    assert (
        trial_id(make_config(a))
        == trial_id(make_config(b))
        == trial_id(make_config(resolved(make_config(b))))
    )


def test_id_does_not_depend_on_where_the_data_lie():
    assert (
        trial_id(make_config(tree(data__root="/a")))
        == trial_id(make_config(tree(data__root="/b")))
        == DEFAULT_ID
    )
    assert make_config(tree(data__root="/a")).data.root == "/a"


@pytest.mark.parametrize(
    "change",
    [tree(seed=1), tree(train__learning_rate=2e-3), tree(circuit__init__gain=1.5),
     tree(data__split_seed=1), tree(model__norm="bn"),
     tree(circuit__ei_ratio=[4]), tree(train__precision="bf16"), tree(train__stop_at_chance=True)],
)  # fmt: skip
def test_id_depends_on_what_is_trained(change):
    assert trial_id(make_config(change)) != DEFAULT_ID


def test_id_depends_on_the_numerics(monkeypatch):
    monkeypatch.setattr(module, "NUMERICS_VERSION", module.NUMERICS_VERSION + 1)
    assert trial_id(TrialConfig()) != DEFAULT_ID


def test_ids_differ():
    ids = {trial_id(make_config(tree(seed=seed))) for seed in range(500)}
    assert len(ids) == 500
    assert all(len(name) == 12 and int(name, 16) >= 0 for name in ids)


# --- any tree at all

KNOWN = sorted({part for path in [
    "model.arch.layers.norm.T.width.head.input_shape.classes.groups",
    "circuit.ei_ratio.subtractive.dale.tau_I.inhibitory_cells.init.prop",
    "init.scheme.distribution.gamma_shape.gain.kappa",
    "prop.stabiliser.epsilon.straight_through.detach", "neuron.tau.alpha.reset",
    "data.name.root.train_size", "train.epochs.warmup_epochs.warmup_fraction.nesterov.momentum",
    "seed",
] for part in path.split(".")})  # fmt: skip
LEAVES = [
    "ei", "dann", "bn", "VGG", "on", "off", "gamma", "epsilon", "spiking", "project", "", "\ud800",
    "x\ny", None, True, False, 0, 1, 4, -1, 2.5, 1e-3, math.nan, -math.inf, 10**400, -(2**70),
]  # fmt: skip
SECTIONS = ["model", "circuit", "neuron", "data", "train", "seed"]


def any_tree(rng, depth=0):
    """Any nesting of lists, mappings and leaves, with our own keys often in their places."""
    kind = rng.random()
    if depth > 4 or (depth > 1 and kind < 0.6) or kind < 0.05:
        return rng.choice(LEAVES)
    if kind < (0.1 if depth < 2 else 0.7):
        return [any_tree(rng, depth + 1) for _ in range(rng.randrange(4))]
    names = SECTIONS if depth == 0 else KNOWN
    odd = ["x", "", 1, None, True, "\ud800"]
    return {
        rng.choice(odd if rng.random() < 0.1 else names): any_tree(rng, depth + 1)
        for _ in range(rng.randrange(5))
    }


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**64))
def test_any_tree_is_a_config_or_a_config_error(seed):
    given = any_tree(random.Random(seed))
    before = copy.deepcopy(given)
    config, refused = attempt(given)
    if config is None:
        assert all(line.startswith("c.yaml: ") for line in str(refused).split("\n"))
        assert str(refused).encode("utf-8")
    else:
        assert make_config(json.loads(json.dumps(resolved(config)))) == config
        assert len(trial_id(config)) == 12
    assert repr(given) == repr(before)  # the tree is left as it was


def attempt(given):
    try:
        return make_config(given, "c.yaml"), None
    except ConfigError as refused:
        return None, refused


# --- options that only some optimisers and losses read


@pytest.mark.parametrize(
    "change",
    [
        tree(train__optimizer="adam"),
        tree(train__optimizer="adam", train__beta2=0.99),
        tree(train__loss="tet"),
        tree(train__label_smoothing=0.1),
        tree(train__deterministic=True),
        tree(train__precision="tf32"),
    ],
    ids=str,
)
def test_what_they_change_is_another_trial(change):
    assert trial_id(make_config(change)) != DEFAULT_ID


def test_what_a_run_reads():
    sgd, adam = resolved(make_config({})), resolved(make_config(tree(train__optimizer="adam")))
    read = module.has_part
    assert (read(sgd, "train.momentum"), read(adam, "train.momentum")) == (True, False)
    assert (read(sgd, "train.beta1"), read(adam, "train.beta1")) == (False, True)
    assert read(sgd, "train.stop_at_chance")
    assert read(sgd, "circuit.init.gain")
    assert not read(resolved(make_config(tree(model__norm="bn"))), "circuit.init.gain")
    assert not read(sgd, "train.optimizer_options.alpha")
    assert module.value_at(sgd, "train.optimizer") == "sgd"
    assert module.value_at(sgd, "train.momentum") == 0.9


def test_another_start_than_danns_contradicts_dann():
    message = "circuit.init.scheme: kaiming contradicts model.norm: dann"
    with pytest.raises(ConfigError, match=message):
        make_config(tree(model__norm="dann", circuit__init__scheme="kaiming"))


def test_a_relative_data_root_means_the_files_folder_then_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "c.yaml").write_text("data: {root: images}\n")
    assert load_config("configs/c.yaml").data.root == str(tmp_path / "images")
    (tmp_path / "configs" / "images").mkdir()
    assert load_config("configs/c.yaml").data.root == str(tmp_path / "configs" / "images")


def test_ids_are_those_of_before_the_options():
    config = make_config({"model": {"norm": "none"}})
    keys = {"init", "init_rate", "zero_init_residual", "dropout"}
    assert not keys & set(resolved(config)["model"])
    assert not {"dampening", "reset_value", "input_decay"} & set(resolved(config)["neuron"])
    assert trial_id(make_config({})) == "b0793b14a550"
