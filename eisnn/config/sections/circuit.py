"""The section ``circuit``: E-I circuits, how their weights start, and their backward pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from eisnn.config.sections.fields import Count, Counts, Positive, Section, Switch


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
    """Factor on the starting value of the excitatory gain g_E."""
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
    """The small number eps of the stabilisers epsilon and clamp; default 1e-6."""
    straight_through: Switch = True
    """Whether dD/dI_div = 1 also where a zero was replaced."""
    grad_scale_exponent: Annotated[float, Field(ge=0, le=4)] = 1.0
    """p: the gradient of W_EI is multiplied by d^-p."""
    detach: Switch = False
    """Whether no gradient flows through D at all."""
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
