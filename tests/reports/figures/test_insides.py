import numpy as np
import pytest
from synthetic import add_insides, small_study

from reports.analysis.collect import read_study
from reports.analysis.compare import options_for
from reports.figures import diagnostics, distributions
from reports.page.sections import all_sections


@pytest.fixture
def study(tmp_path):
    folder = small_study(tmp_path / "small")
    for name in ("full", "bn"):
        add_insides(folder, name)
    return read_study(folder)


def test_diagnostics_are_read_with_one_gradient_norm_per_layer(study):
    rows = diagnostics.read(study, study.arm_names)
    assert set(rows["arm"]) == {"full", "bn"}
    norm = rows[
        (rows["arm"] == "full")
        & (rows["layer"] == "features.0")
        & (rows["quantity"] == "grad_norm")
    ]["value"]
    assert norm.tolist() == pytest.approx([0.5] * 12)  # 3-4-5: 0.3 and 0.4
    assert not rows["quantity"].str.startswith("grad_norm/").any()


def test_a_half_written_file_gives_its_whole_lines(study):
    path = diagnostics.files(study, "full", "diagnostics.csv")[0]
    text = path.read_text()
    path.write_text(text[: len(text) // 2 - 3])
    assert len(diagnostics.read(study, ["full"])) > 0


def test_distributions_are_read_and_scaled(study):
    path = diagnostics.files(study, "full", "distributions.npz")[0]
    epochs, histograms = distributions.load(path)
    assert epochs.tolist() == list(range(1, 13))
    assert len(histograms) == 3 * 4
    assert all(np.allclose(h.density.max(axis=1), 1.0) for h in histograms)
    layers, tensors, _ = distributions.chosen(histograms)
    assert layers == ["features.0", "features.3", "head"]
    assert tensors == ["W_EE", "W_EI", "g_I", "output"]


def test_a_damaged_file_is_left_out(study):
    path = diagnostics.files(study, "full", "distributions.npz")[0]
    path.write_bytes(path.read_bytes()[:-200])
    assert distributions.load(path) is None
    assert distributions.ridges(path, "full") is None


def test_the_animation_has_a_frame_per_epoch(study):
    import io

    from PIL import Image

    path = diagnostics.files(study, "full", "distributions.npz")[0]
    image = Image.open(io.BytesIO(distributions.animation(path, "full").gif))
    assert getattr(image, "n_frames", 1) == 12


def test_what_is_shown(study):
    section = next(
        section for section in all_sections(study, options_for(study)) if section.key == "inside"
    )
    assert [item.name for item in section.items] == [
        "diagnostics_depth",
        "diagnostics_epochs",
        "distributions",
        "distributions_animation",
    ]


@pytest.mark.parametrize(
    ("count", "most", "indices"), [(1, 5, [0]), (3, 5, [0, 1, 2]), (9, 3, [0, 4, 8])]
)
def test_thinned(count, most, indices):
    assert distributions.thinned(count, most) == indices
