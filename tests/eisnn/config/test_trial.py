"""The trial config: every refusal with its message, defaults, and an id that names the run and
nothing else."""

import copy
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eisnn.config import trial as module
from eisnn.config.messages import describe
from eisnn.config.trial import (
    ConfigError,
    TrialConfig,
    load_config,
    make_config,
    resolved,
    trial_id,
)
from eisnn.config.yaml_file import parse_yaml, set_path

# If this changes, so does every stored trial's name: intended only together with NUMERICS_VERSION
# or a new field.
DEFAULT_ID = "b0793b14a550"


def tree(**paths):
    """A tree from keyword paths: circuit__init__gain=2."""
    made: dict = {}
    for path, value in paths.items():
        set_path(made, path.replace("__", "."), value)
    return made


def refusal(given, where="c.yaml"):
    with pytest.raises(ConfigError) as refused:
        make_config(given, where)
    return str(refused.value)


WHOLE = "must be a whole number"
CASES = [
    # sections and keys
    ([], "c.yaml: must be a mapping of keys to values, given []"),
    (None, "c.yaml: must be a mapping of keys to values, given null"),
    (tree(model=None), "c.yaml: model: must be a mapping of keys to values, given null"),
    (tree(circuit=3), "c.yaml: circuit: must be a mapping of keys to values, given 3"),
    (tree(circuit__init=[]), "c.yaml: circuit.init: must be a mapping of keys to values, given []"),
    (
        tree(model__norm="dann", circuit=3),
        "c.yaml: circuit: must be a mapping of keys to values, given 3",
    ),
    (
        tree(model__norm="dann", circuit__prop=0),
        "c.yaml: circuit.prop: must be a mapping of keys to values, given 0",
    ),
    ({1: 2}, "c.yaml: a key must be text, given 1"),
    ({"model": {None: 2}}, "c.yaml: model: a key must be text, given null"),
    (tree(modl={}), "c.yaml: modl: unknown key; did you mean 'model'?"),
    (tree(train__epoch=3), "c.yaml: train.epoch: unknown key; did you mean 'epochs'?"),
    (tree(circuit__init__gane=3), "c.yaml: circuit.init.gane: unknown key; did you mean 'gain'?"),
    (
        tree(circuit__prop__straigt_through=3),
        "c.yaml: circuit.prop.straigt_through: unknown key; did you mean 'straight_through'?",
    ),
    (
        tree(learning_rate=3),
        "c.yaml: learning_rate: unknown key; did you mean train.learning_rate?",
    ),
    (
        tree(circuit__stabiliser="none"),
        "c.yaml: circuit.stabiliser: unknown key; did you mean circuit.prop.stabiliser?",
    ),
    (tree(model__tau=3), "c.yaml: model.tau: unknown key; did you mean neuron.tau?"),
    (
        tree(neuron__zzz=3),
        (
            "c.yaml: neuron.zzz: unknown key; known: alpha, dampening, detach_reset, input_decay,"
            " learnable_tau, reset, reset_value,"
        ),
    ),
    # choices
    (
        tree(model__arch="VGGG"),
        "c.yaml: model.arch: must be 'MLP', 'VGG' or 'ResNet', given 'VGGG'; did you mean 'VGG'?",
    ),
    (
        tree(model__arch="transformer"),
        "c.yaml: model.arch: must be 'MLP', 'VGG' or 'ResNet', given 'transformer'",
    ),
    (
        tree(model__arch=["VGG"]),
        "c.yaml: model.arch: must be 'MLP', 'VGG' or 'ResNet', given ['VGG']",
    ),
    (tree(data__name="cifar"), "given 'cifar'; did you mean 'cifar10'?"),
    (tree(circuit__dale="projekt"), "given 'projekt'; did you mean 'project'?"),
    (
        tree(train__schedule="cosin"),
        (
            "c.yaml: train.schedule: must be 'cosine' or 'constant', given 'cosin'; did you mean"
            " 'cosine'?"
        ),
    ),
    (tree(neuron__reset=True), "c.yaml: neuron.reset: must be 'soft' or 'hard', given true"),
    # numbers
    (tree(model__layers="8"), f"c.yaml: model.layers: {WHOLE}, given '8'"),
    (tree(model__layers=8.0), f"c.yaml: model.layers: {WHOLE}, given 8.0"),
    (tree(model__T=0), "c.yaml: model.T: must be greater than or equal to 1, given 0"),
    (tree(model__T=True), f"c.yaml: model.T: {WHOLE}, given true"),
    (tree(model__width=0), "c.yaml: model.width: must be greater than 0, given 0"),
    (tree(model__classes=1), "c.yaml: model.classes: must be greater than or equal to 2, given 1"),
    (
        tree(train__learning_rate="fast"),
        "c.yaml: train.learning_rate: must be a number, given 'fast'",
    ),
    (
        tree(train__learning_rate=-1),
        "c.yaml: train.learning_rate: must be greater than 0, given -1",
    ),
    (
        tree(train__learning_rate=math.nan),
        "c.yaml: train.learning_rate: must be a finite number, given nan",
    ),
    (
        tree(train__learning_rate=math.inf),
        "c.yaml: train.learning_rate: must be a finite number, given inf",
    ),
    (
        tree(train__learning_rate=10**400),
        "c.yaml: train.learning_rate: must be a number, given 1000",
    ),
    (
        tree(train__learning_rate=[1e-3]),
        "c.yaml: train.learning_rate: must be a number, given [0.001]",
    ),
    (tree(train__momentum=1), "c.yaml: train.momentum: must be less than 1, given 1"),
    (
        tree(data__validation_fraction=1),
        "c.yaml: data.validation_fraction: must be less than 1, given 1",
    ),
    (tree(neuron__tau=0.5), "c.yaml: neuron.tau: must be greater than or equal to 1, given 0.5"),
    (tree(seed=-1), "c.yaml: seed: must be greater than or equal to 0, given -1"),
    (tree(seed=2**31), "c.yaml: seed: must be less than 2147483648, given 2147483648"),
    # switches and text
    (
        tree(circuit__subtractive="maybe"),
        "c.yaml: circuit.subtractive: must be true or false, given 'maybe'",
    ),
    (tree(circuit__subtractive=1), "c.yaml: circuit.subtractive: must be true or false, given 1"),
    (tree(data__root=3), "c.yaml: data.root: must be text, given 3"),
    # lists
    (
        tree(circuit__ei_ratio=[2, "a"]),
        "c.yaml: circuit.ei_ratio: must be a whole number >= 1, or a list of them, given [2, 'a']",
    ),
    (
        tree(circuit__ei_ratio="x"),
        "c.yaml: circuit.ei_ratio: must be a whole number >= 1, or a list of them, given 'x'",
    ),
    (
        tree(circuit__ei_ratio=0),
        "c.yaml: circuit.ei_ratio: must be a whole number >= 1, or a list of them, given 0",
    ),
    (
        tree(circuit__ei_ratio=True),
        "c.yaml: circuit.ei_ratio: must be a whole number >= 1, or a list of them, given true",
    ),
    (
        tree(model__input_shape=[1, 2]),
        "c.yaml: model.input_shape: must be a list of 3, each a whole number >= 1, given [1, 2]",
    ),
    (
        tree(model__input_shape=[1, 2, 3, 4]),
        (
            "c.yaml: model.input_shape: must be a list of 3, each a whole number >= 1, given [1, 2,"
            " 3, 4]"
        ),
    ),
    (
        tree(model__input_shape=[1, 0, 3]),
        "c.yaml: model.input_shape.1: must be greater than or equal to 1, given 0",
    ),
    (tree(model__input_shape=32), "c.yaml: model.input_shape: must be a list, given 32"),
    # options that mean nothing together
    (
        tree(circuit__init__gamma_shape=2),
        "gamma_shape has a meaning only with distribution: gamma, given distribution: exponential",
    ),
    (
        tree(circuit__prop__epsilon=1e-6),
        (
            "epsilon has a meaning only with stabiliser: epsilon or clamp, given stabiliser:"
            " min_positive"
        ),
    ),
    (
        tree(circuit__tau_I=2),
        "c.yaml: circuit: tau_I has a meaning only with inhibitory_cells: spiking, given linear",
    ),
    (
        tree(circuit__divisive=False, circuit__prop__detach=True),
        "prop.detach has a meaning only with divisive inhibition",
    ),
    (
        tree(train__warmup_epochs=1, train__warmup_fraction=0.1),
        "c.yaml: train: give warmup_epochs or warmup_fraction, not both",
    ),
    (
        tree(train__warmup_epochs=9, train__epochs=3),
        "c.yaml: train: warmup_epochs must be at most epochs (3), given 9",
    ),
    (
        tree(train__nesterov=True, train__momentum=0),
        "c.yaml: train: nesterov has a meaning only with momentum above 0",
    ),
]


@pytest.mark.parametrize(("given", "message"), CASES, ids=range(len(CASES)))
def test_each_refusal_is_one_plain_line(given, message):
    found = refusal(given)
    assert message in found
    assert found.startswith("c.yaml: ")
    assert "\n" not in found
    for jargon in (
        "Input",
        "constrained",
        "function-before",
        "Config(",
        "dict",
        "tuple",
        "pydantic",
    ):
        assert jargon not in found


def test_every_problem_has_its_line():
    found = refusal(tree(model__T=0, train__epochs=0, modle={})).split("\n")
    assert [line.split(": ")[1] for line in found] == ["model.T", "train.epochs", "modle"]


def test_many_problems_are_cut_short():
    found = refusal({f"key{i}": 1 for i in range(10_000)}).split("\n")
    assert len(found) == 21
    assert found[-1] == "c.yaml: and up to 9980 more problems"


def test_keys_cannot_break_the_line():
    assert refusal({"a\nb\x1b[2J": 1}).startswith("c.yaml: 'a\\nb\\x1b[2J': unknown key")
    assert refusal({"\ud800": 1}).encode("utf-8")


def test_long_values_are_shortened():
    assert len(refusal(tree(train__epochs="x" * 10_000))) < 200
    assert len(refusal(tree(train__epochs=list(range(10_000))))) < 200
    assert len(refusal(tree(train__epochs={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}))) < 200


@pytest.mark.parametrize(
    ("annotation", "words"),
    [(int, "a whole number"), (float | None, "a number"), (bool, "true or false"),
     (list[str], "a list, each text"),
     (int | str, "a whole number, or text"), (module.Fraction, "a number >= 0 and <= 1"),
     (module.Positive, "a number > 0")],
)  # fmt: skip
def test_describe(annotation, words):
    assert describe(annotation) == words


def test_defaults_are_a_config():
    assert make_config({}) == TrialConfig()
    assert make_config(resolved(TrialConfig())) == TrialConfig()


@pytest.mark.parametrize("word", ["on", "yes", "On", "true", True])
def test_switches_understand_words(word):
    text = f"circuit: {{subtractive: {str(word).lower() if isinstance(word, bool) else word}}}"
    assert make_config(parse_yaml(text, "t")).circuit.subtractive is True
    assert (
        make_config(
            parse_yaml("circuit: {subtractive: no, divisive: off}", "t")
        ).circuit.subtractive
        is False
    )


def test_config_is_frozen():
    with pytest.raises(ValidationError):
        TrialConfig().model.T = 3


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


def test_options_of_another_optimiser_or_loss_are_left_out():
    """An arm that overrides train.optimizer keeps its base's momentum, which nothing reads."""
    adam = make_config(tree(train__optimizer="adam", train__momentum=0.5, train__nesterov=True))
    assert trial_id(adam) == trial_id(make_config(tree(train__optimizer="adam")))
    assert trial_id(make_config(tree(train__beta1=0.5))) == DEFAULT_ID
    assert trial_id(make_config(tree(train__tet_lambda=0.5))) == DEFAULT_ID
    assert make_config(resolved(adam)) == adam


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


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"model": {"norm": "dann"}, "circuit": {"init": {"scheme": "kaiming"}}},
            "circuit.init.scheme: kaiming contradicts model.norm: dann",
        ),
        (
            {"train": {"warmup_epochs": 1, "warmup_start": 0.1, "learning_rate": 0.01}},
            r"warmup_start must be at most learning_rate \(0.01\), given 0.1",
        ),
        (
            {"data": {"name": "digits", "split": "authors"}},
            "split: authors has a meaning only with name: cifar10_dvs",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(tree, message):
    with pytest.raises(ConfigError, match=message):
        make_config(tree)


def test_a_relative_data_root_means_the_files_folder_then_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "c.yaml").write_text("data: {root: images}\n")
    assert load_config("configs/c.yaml").data.root == str(tmp_path / "images")
    (tmp_path / "configs" / "images").mkdir()
    assert load_config("configs/c.yaml").data.root == str(tmp_path / "configs" / "images")
