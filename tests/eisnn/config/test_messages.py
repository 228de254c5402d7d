"""What is said of a wrong config: one plain line for each problem."""

import math

import pytest

from eisnn.config.messages import describe, suggestion
from eisnn.config.sections.fields import Fraction, Positive
from tests.eisnn.config.trees import assert_plain_refusal, refusal, tree

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
            "c.yaml: neuron.zzz: unknown key; known: adaptive, alpha, dampening, detach_reset,"
            " input_decay, learnable_tau, reset, reset_value,"
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
]


@pytest.mark.parametrize(("given", "message"), CASES, ids=range(len(CASES)))
def test_each_refusal_is_one_plain_line(given, message):
    assert_plain_refusal(given, message)


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
     (int | str, "a whole number, or text"), (Fraction, "a number >= 0 and <= 1"),
     (Positive, "a number > 0")],
)  # fmt: skip
def test_describe(annotation, words):
    assert describe(annotation) == words


def test_suggestion():
    assert suggestion("gane", ["gain", "kappa"]) == "; did you mean 'gain'?"
    assert suggestion("zzz", ["gain", "kappa"]) == "; known: gain, kappa"
