"""The section ``train``: optimiser, loss, schedule, length and arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from eisnn.config.sections.fields import (
    Beta,
    Count,
    Fraction,
    Positive,
    Section,
    Switch,
    Value,
    word_or_reference,
)
from eisnn.config.user_code import is_reference

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
    """Optimiser, loss, schedule, length and arithmetic."""

    epochs: Count = 300
    """Passes over the training images."""
    batch_size: Count = 128
    """Images per optimiser step. A single image left over at the end joins the batch before it.
    With 1, layers start on the first 128 images, as E-I Init needs a variance over images."""
    learning_rate: Positive = 1e-3
    """Learning rate after the warm-up, at which the schedule begins."""
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
    """Decay of the mean gradient in optimizer: adam or adamw; default 0.9."""
    beta2: Beta | None = None
    """Decay of the mean squared gradient in optimizer: adam or adamw; default 0.999."""
    eps: Positive | None = None
    """Number added to the divisor in optimizer: adam or adamw; default 1e-8."""
    optimizer_options: dict[str, Value] = Field(default_factory=dict)
    """Keyword arguments of your own optimiser, searched as train.optimizer_options.<name>."""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Weight decay of every parameter; decoupled from the gradient with optimizer: adamw only."""
    loss: word_or_reference("cross_entropy", "tet", "mse") = "cross_entropy"  # type: ignore[valid-type]
    """Cross-entropy of the mean logits; tet: cross-entropy at every time step (Deng et al. 2022);
    mse: mean squared distance to the one-hot label, or to a label that is a number; or your own as
    my_module:my_loss."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the target that is spread over all classes, with loss: cross_entropy or tet.
    Validation and test losses are measured without it."""
    tet_lambda: Fraction | None = None
    """Weight (0 to 1) of the regularisation of tet, which pulls every logit to neuron.threshold;
    default 0.05."""
    loss_options: dict[str, Value] = Field(default_factory=dict)
    """Keyword arguments of your own loss, searched as train.loss_options.<name>."""
    warmup_epochs: Annotated[float, Field(ge=0)] | None = None
    """Epochs over which the rate rises linearly to learning_rate."""
    warmup_fraction: Fraction | None = None
    """Length of the warm-up as a fraction of all epochs; give this or warmup_epochs."""
    warmup_start: Annotated[float, Field(ge=0)] = 1e-7
    """Learning rate of the first warm-up step."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """After the warm-up, the rate falls to 0 along a cosine, or stays constant."""
    precision: Literal["float32", "tf32", "bf16", "float64"] = "float32"
    """Arithmetic of convolutions and matrix products. float32: IEEE single precision; tf32: the
    GPU's shortened inputs (a CPU computes in float32); bf16: for linear maps and convolutions only,
    currents stay float32 (as accurate only at small learning rates: benchmarks/README.md)."""
    deterministic: Switch = False
    """Whether to use only deterministic algorithms; an operation that has none ends the run."""
    compile: Switch = False
    """Has no effect any more, since kernels and CUDA graphs do better; older configs may hold
    it."""
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
            raise ValueError("nesterov applies only with momentum above 0")
        return self
