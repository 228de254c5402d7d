"""The section ``circuit``: E-I circuits, how their weights start, and their backward pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from eisnn.config.sections.fields import Count, Counts, Positive, Section, Switch


class InitConfig(Section):
    """How the circuit's weights start (E-I Init, Eqs. 53, 54)."""

    scheme: Literal["ei", "dann", "kaiming"] = "ei"
    """ei: E-I Init; dann: DANN's, made for a rectified normal input; kaiming: |N(0, 2 / fan-in)|,
    the control."""
    distribution: Literal["exponential", "gamma", "lognormal", "half_normal", "uniform"] = (
        "exponential"
    )
    """Distribution of the weights. Its scale gives the excitatory current the same variance with
    each."""
    gamma_shape: Positive | None = None
    """Shape k of distribution: gamma; default 1, the exponential distribution."""
    gain: Positive = 1.0
    """Multiplies the starting value of the excitatory gain g_E."""
    kappa: Positive = 1.0
    """Scale of W_IE divided by the scale of W_EE."""

    @model_validator(mode="after")
    def _meaningful(self) -> InitConfig:
        if self.gamma_shape is not None and self.distribution != "gamma":
            raise ValueError(
                "gamma_shape applies only with distribution: gamma,"
                f" given distribution: {self.distribution}"
            )
        return self


class PropConfig(Section):
    """The backward pass (E-I Prop), decoupled from the forward one."""

    stabiliser: Literal["min_positive", "epsilon", "clamp", "none"] = "min_positive"
    """How D avoids zero. min_positive: the sample's smallest positive I_div replaces zeros;
    epsilon: D = I_div + eps; clamp: D = max(I_div, eps); none: D = I_div."""
    epsilon: Positive | None = None
    """The small number eps of the stabilisers epsilon and clamp; default 1e-6."""
    straight_through: Switch = True
    """Whether dD/dI_div counts as 1 also where a zero was replaced."""
    grad_scale_exponent: Annotated[float, Field(ge=0, le=4)] = 1.0
    """Exponent p: the gradient of W_EI is multiplied by d^-p, d its cells' number of inputs."""
    detach: Switch = False
    """Whether to stop all gradients through D."""
    corrections: Literal["ei", "dann"] = "ei"
    """Which gradients are scaled. ei: that of W_EI alone; dann: also that of W_IE by 1/sqrt(n_E)
    and that of g_I by 1/(sqrt(n_E) d)."""
    centre_gradients: Switch = False
    """Whether the error of I_ee - I_sub loses its mean over the cells of a sample, so that errors
    are inhibited as activity is (Eyono et al. 2026)."""

    @model_validator(mode="after")
    def _meaningful(self) -> PropConfig:
        if self.epsilon is not None and self.stabiliser not in ("epsilon", "clamp"):
            raise ValueError(
                "epsilon applies only with stabiliser: epsilon or clamp,"
                f" given stabiliser: {self.stabiliser}"
            )
        return self


class CircuitConfig(Section):
    """One E-I circuit per layer, in place of normalisation."""

    ei_ratio: Count | Counts = 4
    """Ratio r of excitatory to inhibitory cells: n_I = n_E // r. A hidden layer with fewer than r
    cells is an error; a read-out with fewer than r classes has one inhibitory cell. A list gives
    one ratio per circuit, in the order in which they are built: from the bottom up, a block's
    shortcut after its branch, the read-out last."""
    subtractive: Switch = True
    """Whether inhibition subtracts. off: I_sub = 0, and the start of b_E makes up for its mean."""
    divisive: Switch = True
    """Whether inhibition divides. off: D = 1, and the start of g_E makes up for its mean."""
    dale: Literal["project", "abs", "softplus", "exp", "none"] = "project"
    """How Dale's law is kept: by projection after each optimiser step, by using abs, softplus or
    exp of the raw parameter, or not at all."""
    learn_g_I: Switch = True
    """Whether the divisive gains are trained."""
    learn_g_E: Switch = True
    """Whether the excitatory gains are trained."""
    learn_b_E: Switch = True
    """Whether the excitatory biases are trained."""
    inhibitory_cells: Literal["linear", "spiking"] = "linear"
    """linear: analogue cells without state; spiking: LIF cells."""
    tau_I: Annotated[float, Field(ge=1)] | None = None
    """Time constant of spiking inhibitory cells, in time steps; default 2."""
    output_layer: Literal["excitatory", "full"] = "excitatory"
    """Current whose mean over time gives the logits. excitatory: I_ee - I_sub; full: I_int, of a
    whole circuit."""
    init: InitConfig = InitConfig()
    prop: PropConfig = PropConfig()

    @model_validator(mode="after")
    def _meaningful(self) -> CircuitConfig:
        if self.tau_I is not None and self.inhibitory_cells != "spiking":
            raise ValueError("tau_I applies only with inhibitory_cells: spiking, given linear")
        if not self.divisive and self.prop.detach:
            raise ValueError(
                "prop.detach applies only with divisive inhibition, given divisive: false"
            )
        return self
