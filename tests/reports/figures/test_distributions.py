"""Ridges over the epochs, and their animation."""

import numpy as np
import pytest

from reports.figures import diagnostics, distributions


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


@pytest.mark.parametrize(
    ("count", "most", "indices"), [(1, 5, [0]), (3, 5, [0, 1, 2]), (9, 3, [0, 4, 8])]
)
def test_thinned(count, most, indices):
    assert distributions.thinned(count, most) == indices
