"""The E-I circuit: against the authors' numbers, against a twin written in loops, and in what each
option does.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eisnn.config.sections.circuit import CircuitConfig, PropConfig
from eisnn.layers.circuit import CircuitLayer, EIProp, integrate
from eisnn.layers.neurons import lif
from tests.eisnn import golden

LAYERS = [
    "conv_1x1_ratio8",
    "conv_ratio4",
    "conv_silent_sample",
    "conv_stride2_ratio2",
    "linear_output",
    "linear_ratio4",
    "linear_silent_sample",
]
OURS = {"W_EE": "W_ee", "W_IE": "W_ie", "W_EI": "W_ei", "g_I": "g_i", "g_E": "g_e", "b_E": "b_e"}


def layer_of(case: str) -> tuple[CircuitLayer, dict[str, Tensor], dict]:
    a, meta = golden.arrays(case)
    conv = meta["kind"] == "conv"
    layer = CircuitLayer(
        a["W_ee"].shape[1], a["W_ee"].shape[0], config=CircuitConfig(), ei_ratio=meta["ei_ratio"],
        T=1, name=case,
        kernel=meta["kernel"] if conv else None, stride=meta["stride"],
        padding=meta["padding"] if conv else 0,
        kind="output" if meta["output_layer"] else "hidden",
    ).double()  # fmt: skip
    for ours, theirs in OURS.items():
        if hasattr(layer, ours):
            layer.assign(ours, a[theirs])
    return layer, a, meta


@pytest.mark.parametrize("case", LAYERS)
def test_the_layer_meets_the_authors_outputs_and_all_gradients(case):
    layer, a, meta = layer_of(case)
    assert layer.fan_in == meta["fan_in"]
    x = a["x"].requires_grad_()
    I_ee, I_ie = layer.currents(x)
    y = layer(x)
    (y * a["dy"]).sum().backward()
    found = {
        "I_ee": (I_ee, a["I_ee"]),
        "I_ie": (I_ie, a["I_ie"]),
        "y": (y, a["y"]),
        "dx": (x.grad, a["dx"]),
    }
    for ours, theirs in OURS.items():
        if hasattr(layer, ours):
            found["d" + theirs] = (getattr(layer, ours).grad, a["d" + theirs])
        else:
            assert not a["d" + theirs].any(), (
                f"the authors train {theirs} of an output layer, we have none"
            )
    deviations = {name: golden.deviation(*pair) for name, pair in found.items()}
    assert max(deviations.values()) < 1e-9, deviations


# --- a twin in loops


def zero_free(I_div: list[list[float]], options: PropConfig) -> list[list[float]] | None:
    """D of one sample [n_E][P] by the stabiliser; None if there is nothing to divide by."""
    epsilon = 1e-6 if options.epsilon is None else options.epsilon
    if options.stabiliser == "epsilon":
        return [[value + epsilon for value in row] for row in I_div]
    if options.stabiliser == "clamp":
        return [[max(value, epsilon) for value in row] for row in I_div]
    if options.stabiliser == "none":
        return I_div
    positive = [value for row in I_div for value in row if value > 0]
    return (
        [[value if value != 0 else min(positive) for value in row] for row in I_div]
        if positive
        else None
    )


def twin(
    I_ee,
    I_ie,
    W_ei,
    g_I,
    g_E,
    b_E,
    *,
    prop=EIProp(),  # noqa: B008
    output_layer=False,
    subtractive=True,
    divisive=True,
):
    """integrate(), forward only, as one would write it on paper: [N, n, P] nested lists of floats
    in and out.
    """
    result = []
    for n in range(len(I_ee)):
        E, I, P = range(len(g_E)), range(len(g_I)), range(len(I_ee[n][0]))
        I_sub = [[sum(W_ei[e][i] * I_ie[n][i][p] for i in I) for p in P] for e in E]
        I_div = [[sum(W_ei[e][i] * g_I[i] * I_ie[n][i][p] for i in I) for p in P] for e in E]
        net = [[I_ee[n][e][p] - (I_sub[e][p] if subtractive else 0) for p in P] for e in E]
        if output_layer:
            result.append(net)
            continue
        D = zero_free(I_div, prop) if divisive else [[1.0 for _ in P] for _ in E]
        result.append(
            [[b_E[e] if D is None else g_E[e] * net[e][p] / D[e][p] + b_E[e] for p in P] for e in E]
        )
    return torch.tensor(result, dtype=torch.float64)


def example(N=3, n_E=4, n_I=2, positions=(5,), *, zeros=0.4, seed=0, signed=False) -> list[Tensor]:
    """Currents and weights of one circuit.

    A fraction of the inhibitory activity is exactly zero at all cells of a position.
    """
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=rng, dtype=torch.float64) + 0.1

    quiet = torch.rand(N, 1, *positions, generator=rng, dtype=torch.float64) < zeros
    I_ee, I_ie = draw(N, n_E, *positions) * ~quiet, draw(N, n_I, *positions) * ~quiet
    W_ei, g_I, g_E = draw(n_E, n_I), draw(n_I), draw(n_E)
    if signed:
        I_ie = I_ie * torch.randn(I_ie.shape, generator=rng, dtype=torch.float64).sign()
    return [I_ee, I_ie, W_ei, g_I, g_E, torch.randn(n_E, generator=rng, dtype=torch.float64)]


STABILISERS = [
    EIProp(),
    EIProp(stabiliser="epsilon", epsilon=0.25),
    EIProp(stabiliser="clamp", epsilon=0.25),
    EIProp(stabiliser="none"),
]


@pytest.mark.parametrize("prop", STABILISERS, ids=lambda prop: prop.stabiliser)
@pytest.mark.parametrize("positions", [(), (5,), (2, 3), (2, 1, 2)])
def test_integrate_equals_the_loops_at_every_number_of_positions(prop, positions):
    args = example(positions=positions, zeros=0.0 if prop.stabiliser == "none" else 0.4)
    flat = [a.reshape(*a.shape[:2], -1).tolist() for a in args[:2]] + [a.tolist() for a in args[2:]]
    y = integrate(*args, fan_in=9, prop=prop)
    assert y.shape == args[0].shape
    torch.testing.assert_close(y.reshape(*y.shape[:2], -1), twin(*flat, prop=prop))


@pytest.mark.parametrize(
    "options",
    [
        {"subtractive": False},
        {"divisive": False},
        {"output_layer": True},
        {"subtractive": False, "divisive": False},
    ],
)
def test_either_inhibition_can_be_taken_away(options):
    args = example()
    torch.testing.assert_close(
        integrate(*args, fan_in=9, **options), twin(*[a.tolist() for a in args], **options)
    )


def test_more_than_three_positions_are_refused_with_the_shape():
    with pytest.raises(
        ValueError, match=r"0 to 3 trailing positions, given shape \(3, 2, 1, 1, 1, 1\)"
    ):
        integrate(*example(positions=(1, 1, 1, 1)), fan_in=9)


@pytest.mark.parametrize("prop", STABILISERS[:3], ids=lambda prop: prop.stabiliser)
def test_bfloat16_stays_within_its_precision(prop):
    args = example(zeros=0.2)
    low = [a.bfloat16() for a in args]
    y = integrate(*low, fan_in=9, prop=prop)
    assert y.dtype == torch.bfloat16
    exact = twin(*[a.double().tolist() for a in low], prop=prop)
    assert golden.deviation(y.double(), exact) < 4 * 2**-8


# --- gradients


def exact(**options) -> PropConfig:
    """E-I Prop with nothing in the way of the true gradient."""
    return EIProp(straight_through=False, grad_scale_exponent=0, **options)


@pytest.mark.parametrize(
    "prop",
    [
        exact(),
        exact(stabiliser="epsilon", epsilon=0.25),
        exact(stabiliser="clamp", epsilon=0.25),
        exact(stabiliser="none"),
    ],
    ids=lambda prop: prop.stabiliser,
)
@pytest.mark.parametrize("positions", [(), (2, 2)])
def test_without_straight_through_and_scaling_the_gradients_are_the_true_ones(prop, positions):
    args = [a.requires_grad_() for a in example(2, 3, 2, positions, zeros=0.0)]
    assert torch.autograd.gradcheck(lambda *a: integrate(*a, fan_in=9, prop=prop), args)


def test_the_gradient_of_a_replaced_zero_goes_to_the_value_it_was_replaced_by():
    """I_div = W g I_ie; the sample's second position is silent, so its D is read from the first."""
    I_ee = torch.tensor([[[4.0, 3.0]]], dtype=torch.float64)
    I_ie = torch.tensor([[[2.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)

    def gradient(prop):
        y = integrate(I_ee, I_ie, one[None], one, one, zero, fan_in=9, prop=prop)
        torch.testing.assert_close(
            y.detach(), torch.tensor([[[(4 - 2) / 2, 3 / 2]]], dtype=torch.float64)
        )
        return torch.autograd.grad(y[0, 0, 1], I_ie)[0].flatten().tolist()

    # y_1 = (3 - I_ie_1) / D_1: through the numerator -1 / 2; through D_1 = 2 -(3 / 4) to I_ie_1
    # (straight through) or I_ie_0 (exact)
    assert gradient(EIProp()) == pytest.approx([0, -1 / 2 - 3 / 4])
    assert gradient(exact()) == pytest.approx([-3 / 4, -1 / 2])
    assert gradient(EIProp(detach=True)) == pytest.approx([0, -1 / 2])


def gradients(prop, fan_in=9, **options):
    args = [a.requires_grad_() for a in example()]
    integrate(*args, fan_in=fan_in, prop=prop, **options).square().sum().backward()
    return dict(
        zip(("I_ee", "I_ie", "W_ei", "g_I", "g_E", "b_E"), (a.grad for a in args), strict=True)
    )


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.5])
def test_the_exponent_scales_the_gradient_of_W_EI_alone(exponent):
    plain, scaled = (
        gradients(EIProp(grad_scale_exponent=0)),
        gradients(EIProp(grad_scale_exponent=exponent), fan_in=16),
    )
    torch.testing.assert_close(scaled.pop("W_ei"), plain.pop("W_ei") * 16**-exponent)
    for name, gradient in plain.items():
        torch.testing.assert_close(scaled[name], gradient, msg=name)


def test_danns_corrections_scale_g_I_and_W_IE_as_well():
    plain, dann = gradients(EIProp()), gradients(EIProp(corrections="dann"))
    torch.testing.assert_close(dann["g_I"], plain["g_I"] / (2 * 9))  # sqrt(n_E) d = 2 * 9
    torch.testing.assert_close(dann["W_ei"], plain["W_ei"])
    grads = []
    for corrections in ("ei", "dann"):
        layer = make_layer(4, 8, prop={"corrections": corrections, "grad_scale_exponent": 0})
        layer(
            torch.rand(3, 4, generator=torch.Generator().manual_seed(0)).double()
        ).square().sum().backward()
        grads.append(layer.W_IE.grad)
    torch.testing.assert_close(grads[1], grads[0] / 8**0.5)


def test_detach_takes_the_divisors_gradient_away_and_leaves_the_rest():
    with_, without = gradients(EIProp()), gradients(EIProp(detach=True))
    assert without["g_I"] is None, "g_I acts through the divisor only"
    torch.testing.assert_close(without["I_ee"], with_["I_ee"])
    assert not torch.allclose(without["W_ei"], with_["W_ei"])


# --- silence, extremes


finite = st.floats(0, 1e4, allow_nan=False, width=32) | st.just(0.0)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2)),
    double=st.booleans(),
)
def test_any_finite_input_gives_finite_gradients_and_silence_gives_the_bias(data, shape, double):
    N, n_E, n_I, P = shape
    dtype = torch.float64 if double else torch.float32

    def tensor(*size):
        count = int(torch.Size(size).numel())
        return (
            torch.tensor(data.draw(st.lists(finite, min_size=count, max_size=count)), dtype=dtype)
            .view(size)
            .requires_grad_()
        )

    args = [
        tensor(N, n_E, P),
        tensor(N, n_I, P),
        tensor(n_E, n_I),
        tensor(n_I),
        tensor(n_E),
        tensor(n_E),
    ]
    y = integrate(*args, fan_in=9)
    y.sum().backward()
    assert y.isfinite().all()
    assert all(a.grad.isfinite().all() for a in args)
    I_div = torch.einsum("ei,nip->nep", args[2], args[3][:, None] * args[1])
    for n in range(N):
        if I_div[n].max() <= 1e-100:
            assert (y[n] == args[5][:, None]).all()
            assert not args[0].grad[n].any()


@pytest.mark.parametrize(
    "prop",
    [EIProp(), EIProp(detach=True), EIProp(straight_through=False)],
    ids=["ei", "detach", "exact"],
)
def test_a_nan_is_not_mistaken_for_silence(prop):
    args = example()
    args[1][0, 0, 0] = torch.nan
    y = integrate(*args, fan_in=9, prop=prop, subtractive=False)
    assert y[0].isnan().any()
    assert y[1:].isfinite().all()


def test_rounding_noise_of_a_convolution_counts_as_zero():
    """An FFT convolution leaves 1e-6 of the largest value where the true I_div is 0.

    It must not become the divisor.
    """
    I_ie = torch.tensor([[[1.0, 1e-6, -1e-6, 0.5]]])
    one = torch.ones(1)
    y = integrate(torch.ones(1, 1, 4), I_ie, one[None], one, one, torch.zeros(1), fan_in=9)
    torch.testing.assert_close(y, torch.tensor([[[0.0, 2.0, 2.0, 1.0]]]), rtol=1e-5, atol=0)


# --- the layer's options


def make_layer(
    inputs: int, n_E: int, *, kind="hidden", T=1, ei_ratio=4, seed=0, **options
) -> CircuitLayer:
    layer = CircuitLayer(
        inputs, n_E, config=CircuitConfig(**options), ei_ratio=ei_ratio, T=T, kind=kind, name="test"
    ).double()
    rng = torch.Generator().manual_seed(seed)
    for name, parameter in layer.named_parameters():
        layer.assign(name, torch.rand(parameter.shape, generator=rng, dtype=torch.float64) + 0.05)
    return layer


def test_n_I_is_n_E_over_the_ratio_and_never_zero():
    assert [
        make_layer(3, n_E, ei_ratio=r).W_IE.shape[0]
        for n_E, r in [(16, 1), (16, 4), (10, 4), (7, 2), (4, 4), (1, 1)]
    ] == [
        16,
        4,
        2,
        3,
        1,
        1,
    ]
    with pytest.raises(
        ValueError,
        match=r"circuit.ei_ratio: layer 'test' has 3 excitatory cells, too few for a ratio of 4",
    ):
        make_layer(3, 3)


@pytest.mark.parametrize("dale", ["project", "abs", "softplus", "exp", "none"])
def test_what_is_assigned_is_what_the_layer_uses_however_the_sign_is_kept(dale):
    x = torch.rand(5, 6, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(make_layer(6, 8, dale=dale)(x), make_layer(6, 8)(x))
    weights = make_layer(6, 8, dale=dale)
    with torch.no_grad():
        weights.W_EE.sub_(10)  # a step far below zero
    used = weights.weight("W_EE")
    if dale in ("abs", "softplus", "exp"):
        assert (used > 0).all()
    else:  # project: by the optimiser, see test_optimize.py
        assert (used < 0).all()
    assert (make_layer(6, 8, dale=dale).weight("b_E") == make_layer(6, 8, dale=dale).b_E).all(), (
        "b_E is free"
    )


def test_without_dales_law_inhibitory_cells_are_rectified():
    free = make_layer(2, 4, dale="none")
    free.assign("W_IE", torch.tensor([[1.0, -2.0]]))
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert free.inhibitory_activity(free.currents(x)[1]).flatten().tolist() == [1.0, 0.0]


def test_spiking_inhibitory_cells_are_lif_cells_over_the_layers_time_steps():
    layer = make_layer(3, 4, T=4, inhibitory_cells="spiking", tau_I=1.5)
    x = torch.rand(4 * 5, 3, generator=torch.Generator().manual_seed(0)).double()
    I_ee, I_ie = layer.currents(x)
    s_I = layer.inhibitory_activity(I_ie)
    torch.testing.assert_close(s_I, lif(I_ie.view(4, 5, 1), tau=1.5).flatten(0, 1))
    assert not torch.equal(s_I, lif(I_ie.view(4, 5, 1), tau=2.0).flatten(0, 1)), (
        "or this test shows nothing"
    )
    torch.testing.assert_close(layer(x), layer.integrate(I_ee, s_I))
    assert layer.needs_time
    layer(x).sum().backward()
    assert layer.W_IE.grad.any(), "the surrogate gradient reaches W_IE"


def test_a_full_output_layer_is_a_hidden_one_and_an_excitatory_one_has_no_gains():
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(
        make_layer(3, 8, kind="output", output_layer="full")(x), make_layer(3, 8)(x)
    )
    excitatory = make_layer(3, 8, kind="output")
    assert {name for name, _ in excitatory.named_parameters()} == {"W_EE", "W_IE", "W_EI"}
    torch.testing.assert_close(
        excitatory(x), x @ excitatory.W_EE.T - x @ excitatory.W_IE.T @ excitatory.W_EI.T
    )


@pytest.mark.parametrize("name", ["g_I", "g_E", "b_E"])
def test_gains_and_bias_can_be_fixed(name):
    layer = make_layer(3, 8, **{f"learn_{name}": False})
    layer(torch.rand(5, 3).double()).sum().backward()
    assert {n for n, p in layer.named_parameters() if p.grad is None} == {name}


@settings(max_examples=40, deadline=None)
@given(
    N=st.integers(1, 3), inputs=st.integers(1, 3), n_E=st.integers(1, 5), data=st.data(),
    kernel=st.sampled_from([None, 1, 3]),
    stride=st.integers(1, 2), side=st.integers(1, 3),
)  # fmt: skip
def test_shapes_at_their_limits(N, inputs, n_E, data, kernel, stride, side):
    ratio = data.draw(st.integers(1, n_E))
    window = {"kernel": kernel, "stride": stride, "padding": (kernel - 1) // 2} if kernel else {}
    layer = CircuitLayer(
        inputs, n_E, config=CircuitConfig(), ei_ratio=ratio, T=1, name="a", **window
    ).double()
    for name, parameter in layer.named_parameters():
        layer.assign(name, torch.full(parameter.shape, 0.5))
    x = torch.rand(N, inputs, *([side, side] if kernel else []), dtype=torch.float64)
    y = layer(x)
    assert y.shape == (N, n_E, *([(side - 1) // stride + 1] * 2 if kernel else []))
    assert layer.fan_in == inputs * (kernel or 1) ** 2
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_centred_gradients_are_those_of_a_circuit_whose_errors_sum_to_zero():
    """By hand: I_int = g_E (I_ee - I_sub) / D, so the error of I_ee is g_E / D times upstream, less
    its mean.
    """
    generator = torch.Generator().manual_seed(0)
    I_ee, I_ie = (
        torch.rand(3, n, 2, dtype=torch.float64, generator=generator, requires_grad=True)
        for n in (8, 2)
    )
    W, g_I = torch.rand(8, 2, dtype=torch.float64, generator=generator), torch.ones(2).double()
    g_E, b_E = torch.rand(8, dtype=torch.float64, generator=generator), torch.zeros(8).double()
    upstream = torch.rand(3, 8, 2, dtype=torch.float64, generator=generator)
    outputs, errors = [], []
    for centred in (False, True):
        prop = EIProp(centre_gradients=centred)
        I_int = integrate(I_ee, I_ie, W, g_I, g_E, b_E, fan_in=4, prop=prop)
        (error,) = torch.autograd.grad(I_int, I_ee, upstream)
        outputs.append(I_int)
        errors.append(error)
    assert torch.equal(*outputs)
    expected = errors[0] - errors[0].mean((1, 2), keepdim=True)
    torch.testing.assert_close(errors[1], expected, rtol=0, atol=1e-12)
    assert errors[1].sum((1, 2)).abs().max() < 1e-12
