"""LIF cells: against the authors' numbers, against a loop that autograd differentiates, and in what
each option does.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.layers.neurons import DEFAULT_ALPHA, LIF, lif, surrogate_gradient
from tests.eisnn import golden


@pytest.mark.parametrize("case", ["lif_tau2_sigmoid", "lif_tau4_atan"])
def test_spikes_and_gradients_are_the_authors(case):
    a, meta = golden.arrays(case)
    x = a["x"].requires_grad_()
    s = lif(
        x, tau=meta["tau"], threshold=meta["v_threshold"], surrogate=meta["surrogate"],
        reset="soft" if meta["soft_reset"] else "hard", detach_reset=meta["detach_reset"],
    )  # fmt: skip
    (s * a["ds"]).sum().backward()
    assert (s == a["s"]).all()
    assert s.mean().item() == pytest.approx(meta["rate"])
    assert golden.deviation(x.grad, a["dx"]) < 1e-9


# --- a twin in loops, whose backward pass is autograd's


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, surrogate, alpha, dampening):
        ctx.save_for_backward(x)
        ctx.shape, ctx.dampening = (surrogate, alpha), dampening
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        slope = ctx.dampening * surrogate_gradient(ctx.saved_tensors[0], *ctx.shape)
        return grad * slope, None, None, None


def twin(
    current,
    *,
    tau=2.0,
    threshold=1.0,
    surrogate="sigmoid",
    alpha=None,
    dampening=1.0,
    reset="soft",
    reset_value=0.0,
    detach_reset=True,
):
    """lif(), one step after the other."""
    u, spikes = torch.zeros_like(current[0]), []
    for step in current:
        v = (1 - 1 / tau) * u + step
        slope = DEFAULT_ALPHA[surrogate] if alpha is None else alpha
        s = Spike.apply(v - threshold, surrogate, slope, dampening)
        gone = s.detach() if detach_reset else s
        u = v - threshold * gone if reset == "soft" else v * (1 - gone) + reset_value * gone
        spikes.append(s)
    return torch.stack(spikes)


OPTIONS = [
    {},
    {"reset": "hard"},
    {"detach_reset": False},
    {"detach_reset": False, "threshold": 0.6, "tau": 3.0},
    {"reset": "hard", "detach_reset": False},
    {"surrogate": "atan", "tau": 1.25},
    {"surrogate": "triangle", "alpha": 0.7, "threshold": 0.8, "tau": 5.0},
    {"alpha": 8.0, "tau": 1.0},
    {"surrogate": "atan", "threshold": 1.7, "reset": "hard", "detach_reset": False, "tau": 3.0},
    {"surrogate": "leaky_relu", "alpha": 1.5},
    {"surrogate": "exponential", "dampening": 0.3, "detach_reset": False},
    {"reset": "hard", "reset_value": -0.4},
    {"reset": "hard", "reset_value": 0.2, "detach_reset": False, "dampening": 2.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("T", [1, 6])
def test_spikes_and_gradients_equal_the_loops_with_every_option(options, T):
    rng = torch.Generator().manual_seed(0)
    x = (torch.randn(T, 3, 5, generator=rng, dtype=torch.float64) + 0.7).requires_grad_()
    ds = torch.randn(T, 3, 5, generator=rng, dtype=torch.float64)
    ours, loops = lif(x, **options), twin(x, **options)
    assert torch.equal(ours, loops)
    torch.testing.assert_close(*(torch.autograd.grad((s * ds).sum(), x)[0] for s in (ours, loops)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_shared_current_equals_the_same_current_at_every_step(options):
    x = (
        torch.randn(4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        .abs()
        .requires_grad_()
    )
    ds = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    shared, repeated = lif(x, shared_over=6, **options), lif(x.expand(6, 4, 5), **options)
    assert torch.equal(shared, repeated)
    torch.testing.assert_close(
        *(torch.autograd.grad((s * ds).sum(), x)[0] for s in (shared, repeated))
    )


@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_tau_can_be_learned_with_the_gradient_that_autograd_gives(reset, detach_reset):
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(6, 3, 5, generator=rng, dtype=torch.float64)
    ds = torch.randn(6, 3, 5, generator=rng, dtype=torch.float64)
    tau = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    grads = [
        torch.autograd.grad(
            (f(x, tau=tau, reset=reset, detach_reset=detach_reset) * ds).sum(), tau
        )[0]
        for f in (lif, twin)
    ]
    assert grads[0] != 0
    torch.testing.assert_close(*grads)
    cells = LIF(NeuronConfig(tau=3.0, learnable_tau=True), T=3)
    assert cells.tau.item() == pytest.approx(3.0)
    cells(torch.rand(6, 4)).sum().backward()
    assert cells.log_tau.grad is not None
    with torch.no_grad():
        cells.log_tau.sub_(100)
    assert cells.tau >= 1, "no step can push tau below 1"


# --- the equations, by hand


def test_a_cell_leaks_fires_at_the_threshold_and_keeps_what_is_above_it():
    # tau = 2: v = 0.6, 0.9, 1.05 (fires, 0.05 left), 0.625 ; hard reset: 0 left, then 0.6
    x = torch.full((4, 1), 0.6, dtype=torch.float64)
    assert lif(x).flatten().tolist() == [0, 0, 1, 0]
    assert lif(torch.tensor([[1.0], [0.0]])).flatten().tolist() == [1, 0], "v = threshold fires"
    big = torch.tensor([[2.5], [0.0], [0.0]], dtype=torch.float64)
    assert lif(big, tau=1e9).flatten().tolist() == [1, 1, 0], "a soft reset keeps 1.5, then 0.5"
    assert lif(big, tau=1e9, reset="hard").flatten().tolist() == [1, 0, 0]
    assert lif(x, tau=1.0).flatten().tolist() == [0, 0, 0, 0], "tau = 1 forgets everything"
    assert lif(x, threshold=0.5).flatten().tolist() == [1, 1, 1, 1]


def test_a_cell_is_reset_to_the_value_that_is_given():
    """tau = 2, reset to -0.4: v = 1.2 (fires), 0.4, 0.6, then 0.8; to 0 it is 1.2 (fires), 0.6, 0.9
    and 1.05 (fires)."""
    x = torch.tensor([[1.2], [0.6], [0.4], [0.5]], dtype=torch.float64)
    y = torch.tensor([[1.2], [0.6], [0.6], [0.6]], dtype=torch.float64)
    assert lif(x, reset="hard", reset_value=-0.4).flatten().tolist() == [1, 0, 0, 0]
    assert lif(y, reset="hard").flatten().tolist() == [1, 0, 0, 1]


def test_an_input_that_decays_is_divided_by_tau():
    x = torch.rand(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 8
    decaying = LIF(NeuronConfig(tau=4.0, input_decay=True), T=3)
    assert torch.equal(decaying(x), LIF(NeuronConfig(tau=4.0), T=3)(x / 4))
    assert 0 < decaying(x).mean() < 1


def test_the_leaky_surrogate_is_flat_near_the_threshold_and_small_elsewhere():
    x = torch.tensor([-2.0, -0.6, -0.5, 0.0, 0.5, 0.6], dtype=torch.float64)
    slope = surrogate_gradient(x, "leaky_relu", 2.0)
    assert slope.tolist() == [0.01, 0.01, 1.0, 1.0, 1.0, 0.01]


@pytest.mark.parametrize("surrogate", ["sigmoid", "atan", "triangle"])
@pytest.mark.parametrize("alpha", [1.0, 2.0, 4.0])
def test_a_surrogate_is_a_bump_of_area_one_around_the_threshold(surrogate, alpha):
    x = torch.linspace(-400, 400, 1_600_001, dtype=torch.float64)
    h = surrogate_gradient(x, surrogate, alpha)
    assert torch.trapezoid(h, x).item() == pytest.approx(1, abs=2e-3)
    peak = {"sigmoid": alpha / 4, "atan": alpha / 2, "triangle": alpha}[surrogate]
    assert h.max().item() == pytest.approx(peak)
    assert x[h.argmax()].item() == pytest.approx(0, abs=1e-9)


def test_the_sigmoid_surrogate_is_the_derivative_of_the_sigmoid():
    x = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.sigmoid(4 * x).sum(), x)
    torch.testing.assert_close(surrogate_gradient(x.detach(), "sigmoid", 4.0), slope)
    (slope,) = torch.autograd.grad((torch.atan(math.pi / 2 * 2 * x) / math.pi).sum(), x)
    torch.testing.assert_close(surrogate_gradient(x.detach(), "atan", 2.0), slope)


def test_unknown_kinds_are_refused_with_the_choice():
    with pytest.raises(
        ValueError,
        match=r"surrogate must be one of \['atan', .*'sigmoid', 'triangle'\], given 'relu'",
    ):
        lif(torch.zeros(2, 1), surrogate="relu")
    with pytest.raises(ValueError, match="reset must be 'soft' or 'hard', given 'none'"):
        lif(torch.zeros(2, 1), reset="none")


@settings(max_examples=50, deadline=None)
@given(
    current=st.lists(st.floats(-100, 100, width=32), min_size=6, max_size=6),
    tau=st.floats(1, 50),
    reset=st.sampled_from(["soft", "hard"]),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_spikes_are_zeros_and_ones_of_the_currents_type_with_finite_gradients(
    current, tau, reset, dtype
):
    x = torch.tensor(current, dtype=dtype).view(3, 2).requires_grad_()
    s = lif(x, tau=tau, reset=reset)
    assert s.dtype == dtype
    assert ((s == 0) | (s == 1)).all()
    s.sum().backward()
    assert x.grad.isfinite().all()


def test_the_module_keeps_no_state_between_calls():
    cells, x = LIF(NeuronConfig(), T=3), torch.rand(6, 4)
    assert torch.equal(cells(x), cells(x))
    assert torch.equal(cells(x).view(3, 2, 4), lif(x.view(3, 2, 4)))
