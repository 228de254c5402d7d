"""One cortical circuit of excitatory (E) and inhibitory (I) cells, in place of a linear or
convolutional layer and its normalisation.

    I_ee  = W_EE x                                excitatory current
    s_I   = W_IE x                                the I cells: linear, analogue, stateless
                                                  (without Dale's law max(0, .))
    I_sub = W_EI s_I                              subtractive inhibition
    I_div = W_EI (g_I . s_I)                      divisive (shunting) inhibition
    I_int = g_E . (I_ee - I_sub) / D + b_E        integrated current; D = I_div, stabilised

Dale's law: W_EE, W_IE, W_EI, g_I, g_E >= 0; b_E is free. Source: Liu, Ding, Yu, ICLR 2026, sections
3 and 4. The pure functions here are the definition; `CircuitLayer` holds the weights.
"""

from __future__ import annotations

import contextlib
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.sections.circuit import CircuitConfig, PropConfig
from eisnn.layers.dale import effective, raw_for
from eisnn.layers.gradients import centre_gradient, scale_gradient
from eisnn.layers.neurons import at_least_float32, lif

EIProp = PropConfig  # the options of the backward pass

# I_div at or below this fraction of its sample's largest value counts as zero. Convolution
# algorithms other than the direct one (FFT, Winograd) turn true zeros into rounding noise of up to
# 6e-6 of the largest value in float32; 128 eps covers it.
ZERO_TOLERANCE = {torch.float64: 2.0**-45}
ZERO_TOLERANCE_DEFAULT = 2.0**-16
# So does I_div at or below this value, which is far below any real I_div, and far enough above 0
# for 1 / I_div^2 to be finite.
ZERO_FLOOR = {torch.float64: 1e-100}
ZERO_FLOOR_DEFAULT = 1e-12


def inhibit(W_ei: Tensor, s_I: Tensor) -> Tensor:
    """W_EI s_I: [n_E, n_I] and [N, n_I, ...] -> [N, n_E, ...]; a 1x1 convolution over any number of
    positions.
    """
    if s_I.dim() == 2:
        return F.linear(s_I, W_ei)
    if s_I.dim() in (3, 4, 5):
        conv = (F.conv1d, F.conv2d, F.conv3d)[s_I.dim() - 3]
        return conv(s_I, W_ei.view(*W_ei.shape, *[1] * (s_I.dim() - 2)))
    raise ValueError(
        "currents must be [N, n, ...] with 0 to 3 trailing positions, "
        f"given shape {tuple(s_I.shape)}"
    )


def per_cell(vector: Tensor, like: Tensor) -> Tensor:
    """A vector over cells [n], shaped to multiply [N, n, ...]."""
    return vector.view(-1, *[1] * (like.dim() - 2))


def stabilise(I_div: Tensor, prop: PropConfig) -> tuple[Tensor, Tensor | None]:
    """Returns the divisor D with its zeros replaced, and the samples with nothing to divide by.

    Args:
        I_div: [N, n_E, ...]; n indexes one (time step, image).
        prop: ``stabiliser`` is
            min_positive: zeros become the smallest positive value of I_div in their sample n (all
                cells and positions);
            epsilon: D = I_div + epsilon;  clamp: D = max(I_div, epsilon);  none: D = I_div.
            ``straight_through``: dD/dI_div = 1 everywhere, also at replaced entries. ``detach``:
            dD/dI_div = 0.

    Returns:
        D [N, n_E, ...] and, for min_positive, silent [N, 1, ...] (bool): samples without any
        positive value, where D = 1.
    """
    epsilon = 1e-6 if prop.epsilon is None else prop.epsilon
    silent = None
    if prop.stabiliser == "min_positive":
        dims = tuple(range(1, I_div.dim()))
        values = I_div.detach()
        largest = values.amax(dims, keepdim=True)
        floor = ZERO_FLOOR.get(I_div.dtype, ZERO_FLOOR_DEFAULT)
        relative = ZERO_TOLERANCE.get(I_div.dtype, ZERO_TOLERANCE_DEFAULT)
        tolerance = (largest * relative).clamp_min(floor)
        smallest = torch.where(values > tolerance, values, torch.inf).amin(dims, keepdim=True)
        silent = largest <= floor  # False for NaN: a diverged network must not look silent
        D = torch.where(I_div.abs() <= tolerance, _smallest(I_div, smallest, prop), I_div)
        D = torch.where(silent, torch.ones_like(D), D)
    elif prop.stabiliser == "epsilon":
        D = I_div + epsilon
    elif prop.stabiliser == "clamp":
        D = I_div.clamp_min(epsilon)
    else:
        D = I_div
    if prop.detach:
        D = D.detach()
    elif prop.straight_through:
        D = I_div + (D - I_div).detach()
    return D, silent


def _smallest(I_div: Tensor, smallest: Tensor, prop: PropConfig) -> Tensor:
    """Returns the replacement for zeros.

    Without the straight-through estimator, its gradient goes to the entry it was read from.
    """
    if prop.straight_through or prop.detach:
        return smallest
    found = (I_div.detach() == smallest).to(I_div.dtype)
    dims = tuple(range(1, I_div.dim()))
    return (I_div * found).sum(dims, keepdim=True) / found.sum(dims, keepdim=True).clamp_min(1)


def integrate(
    I_ee: Tensor,
    I_ie: Tensor,
    W_ei: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    *,
    fan_in: int,
    prop: PropConfig = EIProp(),  # noqa: B008 - frozen
    output_layer: bool = False,
    subtractive: bool = True,
    divisive: bool = True,
) -> Tensor:
    """Returns the integrated current I_int of one circuit, with E-I Prop's backward pass.

    The equations are at the top of eisnn/layers/circuit.py.

    Args:
        I_ee: [N, n_E, ...] excitatory current; 0 to 3 trailing positions; any float type.
        I_ie: [N, n_I, ...] activity s_I of the inhibitory cells.
        W_ei: [n_E, n_I]. Its gradient is multiplied by fan_in^-p, p = prop.grad_scale_exponent.
        g_I: [n_I] divisive gains.  g_E, b_E: [n_E] gain and bias of the excitatory cells.
        fan_in: d, the number of inputs of one excitatory cell.
        prop: options of the backward pass and of the stabiliser. Corrections "dann" also scale the
            gradient of g_I by 1 / (sqrt(n_E) d) (Cornford et al. 2021); `CircuitLayer` scales that
            of W_IE by 1 / sqrt(n_E).
        output_layer: returns I_ee - I_sub, without division, gain or bias.
        subtractive, divisive: False takes this kind of inhibition away (I_sub = 0; D = 1).

    Returns:
        I_int [N, n_E, ...]. A sample that gives no inhibition at all yields b_E and no gradient to
        anything else.
    """
    W_ei = scale_gradient(W_ei, float(fan_in) ** -prop.grad_scale_exponent)
    net = I_ee - inhibit(W_ei, I_ie) if subtractive else I_ee
    if output_layer:
        return net
    if prop.centre_gradients:
        net = centre_gradient(net)
    silent = None
    if divisive:
        if prop.corrections == "dann":
            g_I = scale_gradient(g_I, 1 / (math.sqrt(I_ee.shape[1]) * fan_in))
        D, silent = stabilise(inhibit(W_ei, per_cell(g_I, I_ie) * I_ie), prop)
        if silent is not None:
            net = torch.where(silent, torch.zeros_like(net), net)
        net = net / D
    return per_cell(g_E, net) * net + per_cell(b_E, net)


def without_autocast(x: Tensor) -> contextlib.AbstractContextManager[None]:
    """Switches off autocast, where it is on, for operations on x's device."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return contextlib.nullcontext()


class CircuitLayer(nn.Module):
    """The weights of one circuit, and how its input reaches it (a linear map, or a convolution).

    Parameters (raw; see `effective`): W_EE [n_E, in, (k, k)], W_IE [n_I, in, (k, k)], W_EI [n_E,
    n_I], and, except in an excitatory output layer, which has no use for them, g_I [n_I], g_E
    [n_E], b_E [n_E].
    """

    SIGNED = ("b_E",)  # the only parameter that Dale's law leaves free

    def __init__(
        self,
        inputs: int,
        n_E: int,
        *,
        config: CircuitConfig,
        ei_ratio: int,
        T: int,
        kernel: int | None = None,
        stride: int = 1,
        padding: int = 0,
        kind: Literal["hidden", "output"] = "hidden",
        name: str = "",
    ) -> None:
        super().__init__()
        if ei_ratio > n_E:
            raise ValueError(
                f"circuit.ei_ratio: layer {name!r} has {n_E} excitatory cells, "
                f"too few for a ratio of {ei_ratio}"
            )
        n_I = max(1, n_E // ei_ratio)
        window = () if kernel is None else (kernel, kernel)
        self.config, self.T, self.name = config, T, name
        self.stride, self.padding, self.kernel = stride, padding, kernel
        self.output_layer = kind == "output" and config.output_layer == "excitatory"
        self.fan_in = inputs * (kernel * kernel if kernel else 1)
        self.W_EE = nn.Parameter(torch.zeros(n_E, inputs, *window))
        self.W_IE = nn.Parameter(torch.zeros(n_I, inputs, *window))
        self.W_EI = nn.Parameter(torch.zeros(n_E, n_I))
        if not self.output_layer:
            self.g_I = nn.Parameter(torch.ones(n_I), requires_grad=config.learn_g_I)
            self.g_E = nn.Parameter(torch.ones(n_E), requires_grad=config.learn_g_E)
            self.b_E = nn.Parameter(torch.zeros(n_E), requires_grad=config.learn_b_E)

    def weight(self, name: str) -> Tensor:
        """The effective (sign-constrained) value of a parameter."""
        raw: Tensor = getattr(self, name)
        if name in self.SIGNED:
            return raw
        return effective(raw, self.config.dale)

    @torch.no_grad()
    def assign(self, name: str, value: Tensor) -> None:
        """Sets a parameter so that its effective value is ``value``."""
        if name not in self.SIGNED:
            value = raw_for(value, self.config.dale)
        getattr(self, name).copy_(value)

    def map_input(self, x: Tensor, weight: Tensor) -> Tensor:
        """W x: [N, in, ...] -> [N, n, ...]."""
        if self.kernel is None:
            return F.linear(x, weight)
        return F.conv2d(x, weight, stride=self.stride, padding=self.padding)

    def input_weights(self) -> tuple[Tensor, Tensor]:
        """W_EE and W_IE, the latter with its gradient's correction."""
        W_IE = self.weight("W_IE")
        if self.config.prop.corrections == "dann":
            W_IE = scale_gradient(W_IE, 1 / math.sqrt(self.W_EE.shape[0]))
        return self.weight("W_EE"), W_IE

    def joint_weight(self) -> Tensor:
        """W_EE and W_IE as the weights of one map: [n_E + n_I, in, (k, k)]."""
        return torch.cat(self.input_weights())

    def currents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """I_ee [N, n_E, ...] and I_ie [N, n_I, ...], by one map of the input."""
        both = at_least_float32(self.map_input(x, self.joint_weight()))
        n_E = self.W_EE.shape[0]
        # The backward pass needs s_I; as a view it would keep I_ee in memory too.
        return both[:, :n_E], both[:, n_E:].clone()

    @property
    def tau_I(self) -> float:
        """Time constant of spiking inhibitory cells, in time steps."""
        return 2.0 if self.config.tau_I is None else self.config.tau_I

    def inhibitory_activity(self, I_ie: Tensor) -> Tensor:
        """s_I of linear cells (rectified where Dale's law is off), or the spikes of LIF cells with
        time constant tau_I.
        """
        c = self.config
        if c.inhibitory_cells == "spiking":
            spikes = lif(I_ie.unflatten(0, (self.T, -1)), tau=self.tau_I)
            return spikes.flatten(0, 1)
        return I_ie.relu() if c.dale == "none" else I_ie

    def integrate(self, I_ee: Tensor, s_I: Tensor) -> Tensor:
        """I_int from the currents, with this layer's W_EI, gains and bias."""
        c = self.config
        if self.output_layer:
            g_I = g_E = b_E = torch.empty(0)
        else:
            g_I, g_E, b_E = self.weight("g_I"), self.weight("g_E"), self.weight("b_E")
        with without_autocast(I_ee):  # a quotient of small differences: never in bf16
            return integrate(
                I_ee, s_I, self.weight("W_EI"), g_I, g_E, b_E,
                fan_in=self.fan_in, prop=c.prop, output_layer=self.output_layer,
                subtractive=c.subtractive, divisive=c.divisive,
            )  # fmt: skip

    @property
    def needs_time(self) -> bool:
        """Whether the current of a static image differs between time steps."""
        return self.config.inhibitory_cells == "spiking"

    def forward(self, x: Tensor) -> Tensor:
        """x >= 0 [N, in, ...] -> I_int [N, n_E, ...]."""
        I_ee, I_ie = self.currents(x)
        return self.integrate(I_ee, self.inhibitory_activity(I_ie))
