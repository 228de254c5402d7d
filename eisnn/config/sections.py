"""The sections of a training config: frozen, validated; the text below each option is its
documentation, here and in docs/config.md.

Symbols are those of Liu, Ding, Yu, *Training Deep Normalization-Free Spiking Neural Networks with
Lateral Inhibition* (ICLR 2026). This module does not import torch.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from eisnn.config.datasets import DATASETS
from eisnn.config.norms import CIRCUIT_NORMS, NORMS
from eisnn.config.user_code import REFERENCE, is_reference
from eisnn.config.yaml_file import plain_value

SIZES = {
    "MLP": (2, 4, 6, 8, 12, 16),
    "VGG": (4, 5, 8, 11, 16, 19),
    "ResNet": (18, 34, 50, 101, 152),
}  # of eisnn.networks.network
INITS = ("kaiming", "spikeinit", "fluctuation", "ding", "micheli", "authors")
INITS_AT_A_RATE = ("spikeinit", "fluctuation")


def _word_to_bool(value: Any) -> Any:
    """on/off and yes/no, which the YAML loader leaves as the words they are."""
    words = {"on": True, "yes": True, "off": False, "no": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _reference(value: str) -> str:
    if not is_reference(value):
        raise ValueError(f"must be module:attribute, such as my_module:build, given {value[:80]!r}")
    return value


_REFERENCE_SCHEMA = {"type": "string", "pattern": f"^{REFERENCE.pattern}$"}
Reference = Annotated[str, AfterValidator(_reference), WithJsonSchema(_REFERENCE_SCHEMA)]


def word_or_reference(*words: str) -> Any:
    """A field that is one of ``words``, or names users' own code."""

    def check(value: str) -> str:
        if value in words or is_reference(value):
            return value
        near = difflib.get_close_matches(value, words, n=1)
        also = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"must be {', '.join(map(repr, words))}, or your own module:attribute,"
            f" given {value[:80]!r}{also}"
        )

    schema = {"anyOf": [{"enum": list(words)}, _REFERENCE_SCHEMA]}
    return Annotated[str, AfterValidator(check), WithJsonSchema(schema)]


Switch = Annotated[
    bool,
    BeforeValidator(_word_to_bool),
    WithJsonSchema({"enum": [True, False, "on", "off", "yes", "no"]}),
]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Counts = Annotated[tuple[Count, ...], BeforeValidator(_to_tuple)]
_PLAIN = {"type": ["number", "string", "boolean", "null"]}
Value = Annotated[
    Any,
    BeforeValidator(plain_value),
    WithJsonSchema({"anyOf": [_PLAIN, {"type": "array", "items": _PLAIN}]}),
]


class Section(BaseModel):
    """Frozen; unknown keys, NaN, infinities, and numbers given as text are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ModelConfig(Section):
    """Which network."""

    arch: Literal["MLP", "VGG", "ResNet"] = "VGG"
    """The family of networks; ResNet is SEW-ResNet."""
    layers: Count = 8
    """Weighted layers of the family's table, e.g. 8 of VGG-8. MLP: 2, 4, 6, 8, 12, 16; VGG: 4, 5,
    8, 11, 16, 19; ResNet: 18, 34, 50, 101, 152."""
    norm: word_or_reference(*NORMS) = "ei"  # type: ignore[valid-type]
    """The kind of layer: an E-I circuit (ei, or dann: with DANN's start and gradient corrections),
    a linear map with one of the normalisations, nothing (none), or your own, as
    my_module:MyLayer."""
    T: Count = 4
    """Time steps; a static image is presented at every one."""
    width: Positive = 1.0
    """Multiplies every hidden layer's number of cells."""
    head: Literal["light", "heavy"] = "light"
    """VGG: one fully connected layer, or 4096-4096-classes."""
    input_shape: Annotated[tuple[Count, Count, Count], BeforeValidator(_to_tuple)] | None = None
    """C, H, W; taken from the dataset unless given."""
    classes: Annotated[int, Field(ge=2)] | None = None
    """Taken from the dataset unless given."""
    groups: Count | None = None
    """norm: gn only; default 1 (LayerNorm over C, H, W)."""
    init: Literal[INITS] = "kaiming"  # type: ignore[valid-type]
    """How linear maps start in networks without E-I circuits: kaiming, authors (as the paper's
    baselines), or a rival that needs no normalisation (with norm: none): spikeinit,
    fluctuation, ding, micheli. The equations stand in eisnn/networks/starts.py."""
    init_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Spikes per cell and time step that init: spikeinit or fluctuation starts from; default
    0.1."""
    zero_init_residual: Switch = False
    """ResNet: the last normalisation, or circuit, of each residual branch starts with a gain of
    0."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the cells of fully connected hidden layers that are silenced in training, the
    same cells at every time step."""
    factory: Reference | None = None
    """Your own network, as my_module:build, in place of the families; norm is then none unless
    given."""
    options: dict[str, Value] = Field(default_factory=dict)
    """Plain values for your own network or layer; searched and overridden as
    model.options.<name>."""

    @property
    def own_layers(self) -> bool:
        """Whether layers of the user's stand in the network: their operations cannot be counted."""
        return self.factory is not None or is_reference(self.norm)

    @model_validator(mode="before")
    @classmethod
    def _own_parts(cls, values: Any) -> Any:
        """A network of the user's has circuits only if it says so; options that nothing reads are
        left out, as `circuit` is."""
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        if values.get("factory") is not None:
            values.setdefault("norm", "none")
        elif not is_reference(values.get("norm")):
            values.pop("options", None)
        return values

    @model_validator(mode="after")
    def _meaningful(self) -> ModelConfig:
        if self.layers not in SIZES[self.arch]:
            raise ValueError(
                f"layers: {self.arch} comes in sizes {', '.join(map(str, SIZES[self.arch]))},"
                f" given {self.layers}"
            )
        if self.head == "heavy" and self.arch != "VGG":
            raise ValueError(
                f"head: heavy has a meaning only with arch: VGG, given arch: {self.arch}"
            )
        if self.groups is not None and self.norm != "gn":
            raise ValueError(f"groups has a meaning only with norm: gn, given norm: {self.norm}")
        if self.init != "kaiming" and self.norm in CIRCUIT_NORMS:
            raise ValueError(
                "init has a meaning only without E-I circuits, which circuit.init starts, "
                f"given norm: {self.norm}"
            )
        if self.init_rate is not None and self.init not in INITS_AT_A_RATE:
            raise ValueError(
                f"init_rate has a meaning only with init: {' or '.join(INITS_AT_A_RATE)}, "
                f"given init: {self.init}"
            )
        if self.zero_init_residual and self.arch != "ResNet":
            raise ValueError(
                f"zero_init_residual has a meaning only with arch: ResNet, given arch: {self.arch}"
            )
        if self.dropout and self.arch == "ResNet":
            raise ValueError("dropout has a meaning only with arch: MLP or VGG, given arch: ResNet")
        return self


class InitConfig(Section):
    """How the circuit's weights start (E-I Init, Eqs. 53, 54)."""

    scheme: Literal["ei", "dann", "kaiming"] = "ei"
    """E-I Init, DANN's (for a rectified normal input), or |N(0, 2 / fan-in)|: the control."""
    distribution: Literal["exponential", "gamma", "lognormal", "half_normal", "uniform"] = (
        "exponential"
    )
    """What weights are drawn from, matched in mean and, where possible, variance."""
    gamma_shape: Positive | None = None
    """k of distribution: gamma; 1 is the exponential distribution."""
    gain: Positive = 1.0
    """Multiplies g_E."""
    kappa: Positive = 1.0
    """Scale of W_IE over scale of W_EE."""

    @model_validator(mode="after")
    def _meaningful(self) -> InitConfig:
        if self.gamma_shape is not None and self.distribution != "gamma":
            raise ValueError(
                "gamma_shape has a meaning only with distribution: gamma,"
                f" given distribution: {self.distribution}"
            )
        return self


class PropConfig(Section):
    """The backward pass (E-I Prop), decoupled from the forward one."""

    stabiliser: Literal["min_positive", "epsilon", "clamp", "none"] = "min_positive"
    """What a divisor of zero becomes: the sample's smallest positive one, I_div + eps, max(I_div,
    eps), or itself."""
    epsilon: Positive | None = None
    """Of stabilisers epsilon and clamp; default 1e-6."""
    straight_through: Switch = True
    """dD/dI_div = 1, also where a zero was replaced."""
    grad_scale_exponent: Annotated[float, Field(ge=0, le=4)] = 1.0
    """p: the gradient of W_EI is multiplied by d^-p."""
    detach: Switch = False
    """No gradient through D at all."""
    corrections: Literal["ei", "dann"] = "ei"
    """dann: also 1/sqrt(n_E) on W_IE and 1/(sqrt(n_E) d) on g_I."""
    centre_gradients: Switch = False
    """Whether the error of I_ee - I_sub has its mean over the cells of a sample taken away: what
    inhibition does to activity is then done to errors, too (Eyono et al. 2026)."""

    @model_validator(mode="after")
    def _meaningful(self) -> PropConfig:
        if self.epsilon is not None and self.stabiliser not in ("epsilon", "clamp"):
            raise ValueError(
                "epsilon has a meaning only with stabiliser: epsilon or clamp,"
                f" given stabiliser: {self.stabiliser}"
            )
        return self


class CircuitConfig(Section):
    """One E-I circuit per layer, in place of normalisation."""

    ei_ratio: Count | Counts = 4
    """r: n_I = n_E // r. A hidden layer with fewer than r cells is refused by name; the read-out,
    which has as many cells as there are classes, then has one inhibitory cell. A list gives one
    ratio per circuit, in the order in which they are built: from the bottom up, a block's shortcut
    after its branch, the read-out last."""
    subtractive: Switch = True
    """off: I_sub = 0; its expected value at the start is in b_E instead."""
    divisive: Switch = True
    """off: D = 1; its expected value at the start is in g_E instead."""
    dale: Literal["project", "abs", "softplus", "exp", "none"] = "project"
    """How Dale's law is kept: projection after each optimiser step, a function of the raw
    parameter, or not at all."""
    learn_g_I: Switch = True
    """Whether the divisive gains are trained."""
    learn_g_E: Switch = True
    """Whether the excitatory gains are trained."""
    learn_b_E: Switch = True
    """Whether the excitatory biases are trained."""
    inhibitory_cells: Literal["linear", "spiking"] = "linear"
    """Analogue and stateless, or LIF cells."""
    tau_I: Annotated[float, Field(ge=1)] | None = None
    """Time constant of spiking inhibitory cells, in time steps; default 2."""
    output_layer: Literal["excitatory", "full"] = "excitatory"
    """logits = mean over t of (I_ee - I_sub), or of the whole circuit."""
    init: InitConfig = InitConfig()
    prop: PropConfig = PropConfig()

    @model_validator(mode="after")
    def _meaningful(self) -> CircuitConfig:
        if self.tau_I is not None and self.inhibitory_cells != "spiking":
            raise ValueError(
                "tau_I has a meaning only with inhibitory_cells: spiking, given linear"
            )
        if not self.divisive and self.prop.detach:
            raise ValueError(
                "prop.detach has a meaning only with divisive inhibition, given divisive: false"
            )
        return self


class NeuronConfig(Section):
    """Leaky integrate-and-fire cells: v <- (1 - 1/tau) v + I ; s = [v >= threshold] ; reset."""

    tau: Annotated[float, Field(ge=1)] = 2.0
    """In time steps."""
    learnable_tau: Switch = False
    """Whether tau is trained, one per layer."""
    threshold: Positive = 1.0
    """Of the membrane potential v."""
    surrogate: Literal["sigmoid", "atan", "triangle", "exponential", "leaky_relu"] = "sigmoid"
    """What stands for the derivative of a spike."""
    alpha: Positive | None = None
    """Steepness of the surrogate; default 4 (sigmoid), 2 (atan), 1 (the others). With surrogate:
    exponential and model.init: spikeinit the default is solved for, so that gradients keep their
    size from layer to layer."""
    dampening: Positive | None = None
    """Multiplies the surrogate; default 1."""
    reset: Literal["soft", "hard"] = "soft"
    """v - threshold s, or v (1 - s)."""
    reset_value: float | None = None
    """reset: hard only: what v becomes after a spike; default 0."""
    input_decay: Switch = False
    """Whether the current is divided by tau: v <- (1 - 1/tau) v + I / tau."""
    detach_reset: Switch = True
    """No gradient through the reset."""

    @model_validator(mode="after")
    def _meaningful(self) -> NeuronConfig:
        if self.reset_value is not None and self.reset != "hard":
            raise ValueError("reset_value has a meaning only with reset: hard, given reset: soft")
        if self.reset_value is not None and self.reset_value >= self.threshold:
            raise ValueError(
                f"reset_value must be below threshold ({self.threshold:g}), "
                f"given {self.reset_value:g}"
            )
        return self


class DataConfig(Section):
    """Which images, and how they are split. Validation images are always taken from the training
    set."""

    name: word_or_reference(*DATASETS) = "digits"  # type: ignore[valid-type]
    """The dataset, or your own, as my_module:load."""
    root: str | None = None
    """Where the files are; default: $EISNN_DATA, then ./data. Not part of a trial's id."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Of the training images, held out for every choice that is made."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """The split is a function of it alone."""
    split: Literal["seeded", "authors"] = "seeded"
    """name: cifar10_dvs only: authors tests on the last 100 recordings of each class, as the
    paper's authors do, seeded on a stratified tenth. Nine tenths of that are images that the
    authors' checkpoints were trained on."""
    train_size: Count | None = None
    """Use only so many images of the training set, stratified; validation_fraction of them
    validate."""
    test_size: Count | None = None
    """Use only so many test images, stratified."""
    augment: Switch = True
    """The dataset's training transform, if it has one."""

    @model_validator(mode="after")
    def _meaningful(self) -> DataConfig:
        if self.split == "authors" and self.name != "cifar10_dvs":
            raise ValueError(
                f"split: authors has a meaning only with name: cifar10_dvs, given name: {self.name}"
            )
        return self


OPTIMIZER_OPTIONS = {
    "sgd": ("momentum", "nesterov", "first_step"),
    "adam": ("beta1", "beta2", "eps"),
    "adamw": ("beta1", "beta2", "eps"),
}
LOSS_OPTIONS = {
    "cross_entropy": ("label_smoothing",),
    "tet": ("label_smoothing", "tet_lambda"),
    "mse": (),
}
# Mappings of plain values that the program hands to the user's own code as they are.
FREE_OPTIONS = ("model.options", "train.optimizer_options", "train.loss_options")


def is_read(key: str, train: Mapping[str, Any]) -> bool:
    """Whether the chosen optimiser or loss of a ``train`` section reads the option ``key``."""
    for choice, default, options, own in (
        ("optimizer", "sgd", OPTIMIZER_OPTIONS, "optimizer_options"),
        ("loss", "cross_entropy", LOSS_OPTIONS, "loss_options"),
    ):
        chosen = train.get(choice, default)
        if key == own:
            return is_reference(chosen)
        belongs_here = any(key in keys for keys in options.values())
        if belongs_here:
            return isinstance(chosen, str) and key in options.get(chosen, ())
    return True


class TrainConfig(Section):
    """Optimiser, loss, schedule, length, and how exactly it computes."""

    epochs: Count = 300
    """Passes over the training images."""
    batch_size: Count = 128
    """Images per optimiser step. A single image left over at the end joins the batch before it."""
    learning_rate: Positive = 1e-3
    """The rate after the warm-up."""
    optimizer: word_or_reference("sgd", "adam", "adamw") = "sgd"  # type: ignore[valid-type]
    """torch's SGD, Adam or AdamW, or your own as my_module:MyOptimizer. Dale's law is kept by a
    projection after each step of any of them."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of optimizer: sgd."""
    nesterov: Switch = False
    """Whether optimizer: sgd uses Nesterov's momentum."""
    first_step: Literal["torch", "authors"] = "torch"
    """How optimizer: sgd starts its momentum; authors: the first step applies (1 + momentum) g."""
    beta1: Beta | None = None
    """Decay of the gradients' mean, of optimizer: adam or adamw; default 0.9."""
    beta2: Beta | None = None
    """Decay of the gradients' square, of optimizer: adam or adamw; default 0.999."""
    eps: Positive | None = None
    """Added to the divisor of optimizer: adam or adamw; default 1e-8."""
    optimizer_options: dict[str, Value] = Field(default_factory=dict)
    """Keyword arguments of your own optimiser, searched as train.optimizer_options.<name>."""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Applied to every parameter; decoupled from the gradient with optimizer: adamw only."""
    loss: word_or_reference("cross_entropy", "tet", "mse") = "cross_entropy"  # type: ignore[valid-type]
    """Cross-entropy of the mean logits; tet: cross-entropy at every time step (Deng et al. 2022);
    mse: mean squared distance to the one-hot label, or to a label that is a number; or your own as
    my_module:my_loss."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How much of the target is spread over all classes, with loss: cross_entropy or tet. The
    validation and test losses are measured without it."""
    tet_lambda: Fraction | None = None
    """Weight of tet's regularisation, which pulls every logit to neuron.threshold; default 0.05."""
    loss_options: dict[str, Value] = Field(default_factory=dict)
    """Keyword arguments of your own loss, searched as train.loss_options.<name>."""
    warmup_epochs: Annotated[float, Field(ge=0)] | None = None
    """Epochs in which the rate rises linearly to learning_rate."""
    warmup_fraction: Fraction | None = None
    """The same, as a fraction of all epochs; give this or warmup_epochs."""
    warmup_start: Annotated[float, Field(ge=0)] = 1e-7
    """Learning rate of the first warm-up step."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """After the warm-up, the rate falls to 0 along a cosine, or stays constant."""
    precision: Literal["float32", "tf32", "bf16", "float64"] = "float32"
    """Arithmetic of convolutions and matrix products alike. float32: IEEE single precision; tf32:
    the GPU's shortened inputs (a CPU computes float32); bf16: linear maps and convolutions alone,
    currents stay float32 (as accurate at small learning rates only: benchmarks/README.md)."""
    deterministic: Switch = False
    """Use deterministic algorithms alone; an operation that has none ends the run."""
    compile: Switch = False
    """Whether the network runs through torch.compile."""
    stop_at_chance: Switch = False
    """End the run as diverged after an epoch whose validation accuracy is not above chance,
    1/classes (one-sided binomial test, level 0.01); from epoch 2 and one whole epoch past the
    warm-up on."""

    @model_validator(mode="before")
    @classmethod
    def _read_parts(cls, values: Any) -> Any:
        """Leaves out the options of another optimiser or loss than the chosen one.

        An ablation that overrides train.optimizer keeps its base's momentum, which nothing reads.
        """
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        return {key: value for key, value in values.items() if is_read(key, values)}

    @model_validator(mode="after")
    def _meaningful(self) -> TrainConfig:
        if self.warmup_epochs is not None and self.warmup_fraction is not None:
            raise ValueError("give warmup_epochs or warmup_fraction, not both")
        if self.warmup_epochs is not None and self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs must be at most epochs ({self.epochs}), given {self.warmup_epochs}"
            )
        warms_up = bool(self.warmup_epochs or self.warmup_fraction)
        if warms_up and self.warmup_start > self.learning_rate:
            raise ValueError(
                f"warmup_start must be at most learning_rate ({self.learning_rate:g}), "
                f"given {self.warmup_start:g}"
            )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov has a meaning only with momentum above 0")
        return self
