"""The section ``neuron``: the spiking cells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from eisnn.config.sections.fields import Positive, Section, Switch


class NeuronConfig(Section):
    """Leaky integrate-and-fire cells: v <- (1 - 1/tau) v + I ; s = [v >= threshold] ; reset."""

    tau: Annotated[float, Field(ge=1)] = 2.0
    """Time constant of the membrane potential, in time steps."""
    learnable_tau: Switch = False
    """Whether tau is trained, one per layer."""
    threshold: Positive = 1.0
    """Membrane potential at which a cell spikes; currents have its unit."""
    surrogate: Literal["sigmoid", "atan", "triangle", "exponential", "leaky_relu"] = "sigmoid"
    """Function that stands in for the derivative of a spike."""
    alpha: Positive | None = None
    """Steepness of the surrogate; default 4 (sigmoid), 2 (atan), 1 (the others). With surrogate:
    exponential and model.init: spikeinit the default is solved for, so that gradients keep their
    size from layer to layer."""
    dampening: Positive | None = None
    """Multiplies the surrogate; default 1."""
    reset: Literal["soft", "hard"] = "soft"
    """What a spike s does to v. soft: v - threshold s; hard: v (1 - s) + reset_value s."""
    reset_value: float | None = None
    """Value of v after a spike, with reset: hard only; default 0."""
    input_decay: Switch = False
    """Whether the current is divided by tau: v <- (1 - 1/tau) v + I / tau."""
    detach_reset: Switch = True
    """Whether to stop gradients through the reset."""
    adaptive: Switch = False
    """Whether each channel learns its threshold and adapts the width of its surrogate to the spread
    of its potentials (SpikeInit's adaptive cells); with surrogate: exponential only."""

    @model_validator(mode="after")
    def _meaningful(self) -> NeuronConfig:
        if self.adaptive and self.surrogate != "exponential":
            raise ValueError(
                "adaptive applies only with surrogate: exponential, "
                f"given surrogate: {self.surrogate}"
            )
        if self.reset_value is not None and self.reset != "hard":
            raise ValueError("reset_value applies only with reset: hard, given reset: soft")
        if self.reset_value is not None and self.reset_value >= self.threshold:
            raise ValueError(
                f"reset_value must be below threshold ({self.threshold:g}), "
                f"given {self.reset_value:g}"
            )
        return self
