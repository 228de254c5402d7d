"""Draws one trial's distributions.npz: ridge plots over the epochs, and an animation."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.figures import style
from reports.figures.picture import Animation, Picture
from reports.figures.render import settle
from reports.figures.style import INK, REFERENCE

Array = NDArray[np.float64]

# The tensors to show, of which the first four that exist get a column.
WANTED = (
    "W_EE",
    "W_EI",
    "g_I",
    "output",
    "weight",
    "W_IE",
    "input",
    "norm.weight",
)
COLUMNS, LAYERS, RIDGES, FRAMES = 4, 3, 9, 30
LABELS = {"output": "I_int (input of the cells)", "input": "input of the layer"}


@dataclass(frozen=True)
class Histogram:
    """One tensor over the epochs.

    ``edges`` is [bins + 1]. ``density`` is [epochs, bins], each row scaled to a highest bin of 1.
    """

    layer: str
    tensor: str
    edges: Array
    density: Array


def load(path: Path) -> tuple[NDArray[np.int64], list[Histogram]] | None:
    """Returns epochs, and histograms in the file's order; None if the file is incomplete."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            epochs = arrays["epochs"]
            histograms = []
            for key in arrays.files:
                if key.startswith("counts/"):
                    layer, tensor = key.removeprefix("counts/").rsplit("/", 1)
                    counts = arrays[key].astype(float)
                    top = np.maximum(counts.max(axis=1, keepdims=True), 1.0)
                    histograms.append(
                        Histogram(
                            layer,
                            tensor,
                            arrays[key.replace("counts/", "edges/", 1)].astype(float),
                            counts / top,
                        )
                    )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return (epochs, histograms) if len(epochs) and histograms else None


def chosen(
    histograms: Sequence[Histogram],
) -> tuple[list[str], list[str], dict[tuple[str, str], Histogram]]:
    """Returns up to LAYERS layers, up to COLUMNS tensors, and the histograms by both names."""
    names = list(dict.fromkeys(h.layer for h in histograms))
    tensors = [name for name in WANTED if any(h.tensor == name for h in histograms)][:COLUMNS]
    having = [
        name for name in names if any(h.layer == name and h.tensor in tensors for h in histograms)
    ]
    return (
        [having[place] for place in thinned(len(having), LAYERS)],
        tensors,
        {(h.layer, h.tensor): h for h in histograms},
    )


def thinned(count: int, most: int) -> list[int]:
    """Returns up to ``most`` evenly spread indices below ``count``, with the first and the last."""
    return [int(k) for k in np.unique(np.linspace(0, max(count - 1, 0), min(most, count)).round())]


def _panels(
    layers: Sequence[str], tensors: Sequence[str], width: float, height: float
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    figure = Figure(figsize=(width, 0.5 + height * len(layers)), layout="constrained")
    grid = figure.subplots(len(layers), len(tensors), squeeze=False)
    panels = {}
    for row, layer in enumerate(layers):
        for column, tensor in enumerate(tensors):
            axes = grid[row, column]
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.grid(False)
            axes.tick_params(labelsize=7, length=2)
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3))
            if row == 0:
                axes.set_title(LABELS.get(tensor, tensor), fontsize=8.5)
            if column == 0:
                axes.set_ylabel(layer, color=INK)
            panels[layer, tensor] = axes
    return figure, panels


@dataclass(frozen=True)
class Ridges:
    """One trial's histograms; ``epochs`` [n] belong to the rows of each density."""

    epochs: NDArray[np.int64]
    layers: Sequence[str]
    tensors: Sequence[str]
    by_both: dict[tuple[str, str], Histogram]

    @property
    def shown(self) -> list[int]:
        return thinned(len(self.epochs), RIDGES)

    def draw(self, width: float) -> Figure:
        tensors = self.tensors[: 2 if width < 5 else COLUMNS]
        figure, panels = _panels(self.layers, tensors, width, 1.5)
        for key, axes in panels.items():
            if key not in self.by_both:
                axes.set_visible(False)
                continue
            self._panel(axes, self.by_both[key])
            if key[1] == tensors[0]:
                first, last = self.epochs[self.shown[0]], self.epochs[self.shown[-1]]
                axes.set_yticks([len(self.shown) - 1, 0], [f"{first}", f"{last}"])
                axes.tick_params(axis="y", length=0, labelsize=7)
        return figure

    def _panel(self, axes: Axes, histogram: Histogram) -> None:
        colours = matplotlib.colormaps[style.SEQUENTIAL](np.linspace(0.05, 0.9, len(self.shown)))
        centres = (histogram.edges[1:] + histogram.edges[:-1]) / 2
        for place, (k, colour) in enumerate(zip(self.shown, colours, strict=True)):
            base = len(self.shown) - 1 - place
            top = base + 1.8 * histogram.density[k]
            axes.fill_between(centres, base, top, color=colour, alpha=0.75, linewidth=0,
                              zorder=place)  # fmt: skip
            axes.plot(centres, top, color=INK, linewidth=0.5, zorder=place)


def ridges(path: Path, arm: str) -> Picture | None:
    """Returns a panel per layer and tensor, with a ridge per epoch, the last one in front."""
    found = load(path)
    if found is None:
        return None
    epochs, histograms = found
    layers, tensors, by_both = chosen(histograms)
    if not layers:
        return None
    record = Ridges(epochs, layers, tensors, by_both)
    first, last = epochs[record.shown[0]], epochs[record.shown[-1]]
    caption = (
        f"Arm {arm}, one trial ({path.parent.name}, n = 1): histograms after epoch {first} (top,"
        f" dark) to {last} (bottom, light), each scaled to its highest bin. The numbers at the left"
        " are epochs; the end bins hold what lies beyond."
    )
    return Picture("distributions", "How the distributions evolve", caption, record.draw)


def animation(path: Path, arm: str) -> Animation | None:
    """Returns the same histograms as a GIF, with a frame per epoch."""
    found = load(path)
    if found is None or len(found[0]) < 3:
        return None
    epochs, histograms = found
    layers, tensors, by_both = chosen(histograms)
    if not layers:
        return None
    figure, panels = _panels(layers, tensors, style.WIDTH, 1.2)
    figure.supxlabel(" ", fontsize=10)  # room for the epoch below the axes
    canvas = FigureCanvasAgg(settle(figure, "white", 90))
    lines = {}
    for key, axes in panels.items():
        if key not in by_both:
            axes.set_visible(False)
            continue
        axes.set_xlim(by_both[key].edges[0], by_both[key].edges[-1])
        axes.set_ylim(0, 1.05)
        (lines[key],) = axes.plot([], [], color=REFERENCE, linewidth=1.3)
    canvas.draw()
    empty = canvas.copy_from_bbox(figure.bbox)
    images = []
    for k in thinned(len(epochs), FRAMES):
        canvas.restore_region(empty)
        for key, line in lines.items():
            h = by_both[key]
            line.set_data((h.edges[1:] + h.edges[:-1]) / 2, h.density[k])
            panels[key].draw_artist(line)
        text = figure.text(
            0.995, 0.005, f"epoch {epochs[k]}", ha="right", va="bottom", fontsize=10, color=INK
        )
        figure.draw_artist(text)
        text.remove()
        images.append(np.asarray(canvas.buffer_rgba()).copy())
    caption = (
        f"Arm {arm}, one trial ({path.parent.name}): the same histograms, epoch by epoch (n = 1)."
    )
    return Animation("distributions_animation", "The same, as an animation", caption, _gif(images))


def _gif(images: Sequence[NDArray[np.uint8]]) -> bytes:
    """Returns images [height, width, 4] as an endless GIF of about six seconds."""
    from PIL import Image

    frames = [
        Image.fromarray(image).convert("RGB").quantize(32, dither=Image.Dither.NONE)
        for image in images
    ]
    each = max(80, math.ceil(6000 / len(frames)))
    buffer = io.BytesIO()
    times = [each] * (len(frames) - 1) + [1500]
    frames[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()
