"""A recording of an event camera as T frames of 48x48 pixels and 2 polarities.

The events are cut into T frames of equally many events (the last takes the rest), counted at
128x128 pixels and reduced to 48x48 by bilinear, antialiased interpolation, as the authors of the
E-I networks do. A pixel's value is the number of events per original pixel in that frame, in steps
of 160 / (255 T); above 160 / T, some 25 times the mean of CIFAR10-DVS, it is cut off. It is not
limited to [0, 1]: circuits need only x >= 0, and E-I Init adapts them to any scale.

Tests compare the readers of recordings (aedat.py) and these frames with spikingjelly's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

SENSOR, SIZE = 128, 48  # pixels, before and after


class Events(NamedTuple):
    """One recording, in the order of its events; each array is ``[N]``."""

    t: np.ndarray  # microseconds
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray  # polarity, 0 or 1

    def between(self, start: int, end: int) -> Events:
        kept = (self.t >= start) & (self.t < end)
        return Events(*(part[kept] for part in self))


def step(T: int) -> float:
    """Returns how many events per pixel and frame one unit of a stored frame stands for."""
    return 160 / T / 255


def frames(events: Events, T: int) -> np.ndarray:
    """uint8 ``[T, 2, 48, 48]``, in units of `step`."""
    count = len(events.t)
    frame = np.minimum(np.arange(count) // max(1, count // T), T - 1)
    place = ((frame * 2 + events.p) * SENSOR + events.y) * SENSOR + events.x
    counts = np.bincount(place, minlength=T * 2 * SENSOR * SENSOR).reshape(T, 2, SENSOR, SENSOR)
    image = torch.from_numpy(counts).to(torch.float32)
    small = torch.nn.functional.interpolate(image, (SIZE, SIZE), mode="bilinear", antialias=True)
    return (small / step(T)).round().clamp(0, 255).to(torch.uint8).numpy()
