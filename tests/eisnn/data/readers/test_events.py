"""How events become frames."""

import numpy as np
import pytest
import torch

from eisnn.data.readers import events
from tests.eisnn.data.readers.recordings import some_events


@pytest.mark.parametrize(("count", "T"), [(20_000, 4), (20_003, 10), (16, 16)])
def test_frames_are_spikingjellys_resized_by_torchvision(count, T):
    integrate = pytest.importorskip(
        "spikingjelly.datasets.utils"
    ).integrate_events_by_fixed_frames_number
    from torchvision.transforms.functional import resize

    recording = some_events(count)
    full = torch.from_numpy(
        integrate(dict(zip("txyp", recording, strict=True)), "number", T, 128, 128)
    )
    expected = resize(full, [48, 48], antialias=True)
    ours = torch.from_numpy(events.frames(recording, T)) * events.step(T)
    assert (ours - expected).abs().max() <= events.step(T) / 2 + 1e-5


def test_every_frame_holds_as_many_events():
    recording = some_events(64_000)
    totals = events.frames(recording, 4).sum((1, 2, 3)) * events.step(4) * (128 / 48) ** 2
    assert totals == pytest.approx([16_000] * 4, rel=0.02)


def test_fewer_events_than_frames_and_none_at_all():
    assert (events.frames(some_events(5), 8).sum((1, 2, 3)) > 0).tolist() == [True] * 5 + [
        False
    ] * 3
    assert events.frames(some_events(0), 8).sum() == 0


def test_brightness_saturates_instead_of_wrapping():
    spot = events.Events(*(np.full(100_000, value) for value in (5, 64, 64, 1)))
    image = events.frames(spot, 1)
    assert image.max() == 255
    assert image[0, 0].max() == 0  # the other polarity
