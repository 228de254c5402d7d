"""Loading weights by the authors' names.

What is dropped, folded, projected, and how a misfit is reported.
"""

import pytest
import torch

from eisnn.checkpoints.authors import load_authors_state_dict
from eisnn.errors import CheckpointError
from tests.eisnn.checkpoints.narrow import vgg, weights


def test_the_order_of_the_names_does_not_matter():
    theirs, straight, sorted_ = weights(), vgg(), vgg()
    load_authors_state_dict(straight, theirs)
    load_authors_state_dict(sorted_, dict(sorted(theirs.items())))  # layers.10 before layers.2
    for a, b in zip(straight.state_dict().values(), sorted_.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_what_the_output_layer_does_not_use_is_dropped_and_said_so_unless_it_is_full():
    report = load_authors_state_dict(vgg(), weights())
    assert [name.split(".")[-1] for name in report.dropped] == ["gain_i", "gain_e", "bias"]
    assert "dropped (3)" in str(report)
    full = vgg(output_layer="full")
    report = load_authors_state_dict(full, weights())
    assert not report.dropped
    assert full.output.b_E.any()


def test_a_loaded_network_counts_as_initialised():
    model = vgg()
    with pytest.raises(RuntimeError, match="no weights yet"):
        model(torch.rand(2, 1, 8, 8))
    load_authors_state_dict(model, weights())
    model(torch.rand(2, 1, 8, 8))


def test_negative_entries_are_projected_as_the_authors_do_before_every_pass():
    theirs = weights()
    theirs["layers.2.conv_ee.weight"][0, 0, 0, :2] = -0.5
    theirs["layers.3.bias"][:] = -1
    model = vgg()
    report = load_authors_state_dict(model, theirs)
    assert report.projected == {"layers.2.conv_ee.weight": 2}
    assert model.body.layers[0].drive.W_EE.min() == 0
    assert (model.body.layers[0].drive.b_E == -1).all()
    free = vgg(dale="none")
    assert not load_authors_state_dict(free, theirs).projected
    assert free.body.layers[0].drive.W_EE.min() == -0.5


@pytest.mark.parametrize("dale", ["abs", "softplus", "exp"])
def test_the_effective_weights_are_theirs_however_dales_law_is_kept(dale):
    model, theirs = vgg(dale=dale), weights()
    load_authors_state_dict(model, theirs)
    ours = model.body.layers[0].drive.weight("W_EE")
    torch.testing.assert_close(
        ours.double(), theirs["layers.2.conv_ee.weight"], rtol=1e-5, atol=2e-8
    )


def test_a_bias_below_a_batch_normalisation_is_folded_into_its_running_mean():
    theirs = weights("bn")
    theirs["layers.2.conv.bias"] = torch.full((8,), 0.25, dtype=torch.float64)
    model = vgg("bn").double()
    report = load_authors_state_dict(model, theirs)
    assert report.folded == ["layers.2.conv.bias"]
    block = model.eval().body.layers[0]
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    current = torch.conv2d(
        x, theirs["layers.2.conv.weight"], theirs["layers.2.conv.bias"], padding=1
    )
    mean, var, gamma, beta = (
        theirs[f"layers.3.bn.{name}"][:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    torch.testing.assert_close(
        block.drive(x), (current - mean) / (var + 1e-5).sqrt() * gamma + beta
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: w.pop("layers.3.gain_i"),
            r"missing \(1\): body.layers.0.drive.g_I \(theirs: layers.3",
        ),
        (
            lambda w: w.update({"layers.2.extra": torch.ones(1)}),
            r"unexpected \(1\): layers.2.extra",
        ),
        (
            lambda w: w.update({"layers.3.weight_ei": torch.ones(8, 3)}),
            (
                r"wrong shape \(1\): layers.3.weight_ei \[8, 3\], but body.layers.0.drive.W_EI is"
                r" \[8, 2\]"
            ),
        ),
        (
            lambda w: [
                w.pop(name) for name in list(w) if name.startswith(("layers.2.", "layers.3."))
            ],
            "has 4: check those three keys",
        ),
    ],
)
def test_a_misfit_is_refused_with_what_and_where_and_changes_nothing(change, message):
    model, theirs = vgg(), weights()
    change(theirs)
    with pytest.raises(CheckpointError, match=message):
        load_authors_state_dict(model, theirs)
    assert not any(parameter.any() for name, parameter in model.named_parameters() if "W_" in name)
    assert not model.initialized


def test_other_ratios_and_other_kinds_are_named_as_the_cause():
    with pytest.raises(CheckpointError, match=r"check circuit.ei_ratio"):
        load_authors_state_dict(vgg(ei_ratio=2), weights())
    with pytest.raises(CheckpointError, match=r"belong to an E-I network, but model.norm is 'bn'"):
        load_authors_state_dict(vgg("bn"), weights())
    with pytest.raises(
        CheckpointError, match=r"belong to an ordinary network, but model.norm is 'ei'"
    ):
        load_authors_state_dict(vgg(), weights("bn"))


def test_not_strict_loads_what_fits_and_reports_the_rest():
    theirs = weights()
    theirs.pop("layers.3.gain_i")
    model = vgg()
    report = load_authors_state_dict(model, theirs, strict=False)
    assert not report.fits
    assert model.body.layers[0].drive.W_EE.any()
