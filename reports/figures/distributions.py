"""distributions.npz of one trial -> ridge plots over the epochs, and an animation: see how bimodality emerges."""

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
from reports.figures.style import INK, Animation, Picture

Array = NDArray[np.float64]

WANTED = (
    "W_EE",
    "W_EI",
    "g_I",
    "output",
    "weight",
    "W_IE",
    "input",
    "norm.weight",
)  # columns, the first four that exist
COLUMNS, LAYERS, RIDGES, FRAMES = 4, 3, 9, 30
LABELS = {"output": "I_int (input of the cells)", "input": "input of the layer"}


@dataclass(frozen=True)
class Histogram:
    """One tensor over the epochs. edges [bins + 1]; density [epochs, bins], each row scaled to a highest bin of 1."""

    layer: str
    tensor: str
    edges: Array
    density: Array


def load(path: Path) -> tuple[NDArray[np.int64], list[Histogram]] | None:
    """(epochs, histograms in the file's order), or None if the file is not whole (a crash may leave any state)."""
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
    """(layers, tensors, by both): up to LAYERS evenly spread layers and the COLUMNS most telling tensors that exist."""
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
    """Up to ``most`` evenly spread indices of ``count``, the first and the last among them."""
    return [int(k) for k in np.unique(np.linspace(0, max(count - 1, 0), min(most, count)).round())]


def _panels(
    layers: Sequence[str], tensors: Sequence[str], height: float
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    figure = Figure(figsize=(style.WIDTH, 0.5 + height * len(layers)), layout="constrained")
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


def ridges(path: Path, arm: str) -> Picture | None:
    """A panel per layer and tensor, a ridge per epoch: the first at the back (top), the last in front."""
    found = load(path)
    if found is None:
        return None
    epochs, histograms = found
    layers, tensors, by_both = chosen(histograms)
    if not layers:
        return None
    shown = thinned(len(epochs), RIDGES)
    colours = matplotlib.colormaps[style.SEQUENTIAL](np.linspace(0.05, 0.9, len(shown)))
    figure, panels = _panels(layers, tensors, 1.75)
    for key, axes in panels.items():
        if key not in by_both:
            axes.set_visible(False)
            continue
        h = by_both[key]
        centres = (h.edges[1:] + h.edges[:-1]) / 2
        for place, (k, colour) in enumerate(zip(shown, colours, strict=True)):
            base = len(shown) - 1 - place
            axes.fill_between(
                centres,
                base,
                base + 1.8 * h.density[k],
                color=colour,
                alpha=0.75,
                linewidth=0,
                zorder=place,
            )
            axes.plot(centres, base + 1.8 * h.density[k], color=INK, linewidth=0.5, zorder=place)
        if key[1] == tensors[0]:
            axes.set_yticks([len(shown) - 1, 0], [f"{epochs[shown[0]]}", f"{epochs[shown[-1]]}"])
            axes.tick_params(axis="y", length=0, labelsize=7)
    caption = (
        f"Arm {arm}, one trial ({path.parent.name}, n = 1): histograms after epoch {epochs[shown[0]]} (top, dark) to {epochs[shown[-1]]}"
        " (bottom, light), each scaled to its highest bin. The numbers at the left are epochs; the end bins hold what lies beyond."
    )
    return Picture("distributions", "How the distributions evolve", caption, figure)


def animation(path: Path, arm: str) -> Animation | None:
    """The same histograms as a GIF, a frame per epoch. The background is drawn once, only the curves per frame."""
    found = load(path)
    if found is None or len(found[0]) < 3:
        return None
    epochs, histograms = found
    layers, tensors, by_both = chosen(histograms)
    if not layers:
        return None
    figure, panels = _panels(layers, tensors, 1.2)
    figure.supxlabel(" ", fontsize=10)  # room for the epoch below the axes
    canvas = FigureCanvasAgg(style.settle(figure, "white", 90))
    lines = {}
    for key, axes in panels.items():
        if key not in by_both:
            axes.set_visible(False)
            continue
        axes.set_xlim(by_both[key].edges[0], by_both[key].edges[-1])
        axes.set_ylim(0, 1.05)
        (lines[key],) = axes.plot([], [], color=style.PALETTE[0], linewidth=1.3)
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
    """Frames [height, width, 4] as an endless GIF of about six seconds."""
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
