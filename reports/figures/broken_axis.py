"""Breaks an axis into pieces, so that points close together can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAP = 0.4  # a gap of this share of the range breaks the axis
MOST_PIECES = 3


def pieces(points: Sequence[float], most: int = MOST_PIECES) -> list[tuple[float, float]]:
    """Returns (lowest, highest) of each piece of the axis, which is split at its largest gaps.

    >>> pieces([10, 95, 96, 97])
    [(10, 10), (95, 97)]
    >>> pieces([90, 95, 96])
    [(90, 96)]
    """
    found = [sorted(points)]
    while len(found) < most:
        # Splits the emptiest piece first.
        candidates = [_emptiest(piece) for piece in found]
        share, at = max(candidates, key=lambda candidate: candidate[0])
        if share <= GAP:
            break
        place = [candidate[0] for candidate in candidates].index(share)
        piece = found[place]
        found[place : place + 1] = [piece[:at], piece[at:]]
    return [(piece[0], piece[-1]) for piece in found]


def _emptiest(piece: Sequence[float]) -> tuple[float, int]:
    """Returns the widest gap as a share of the range, and the index at which the gap ends."""
    if len(piece) < 3:
        return 0.0, 0
    gaps = np.diff(piece)
    at = int(np.argmax(gaps))
    if gaps[at] <= 10:  # units; smaller gaps are no reason to break an axis
        return 0.0, at + 1
    return float(gaps[at] / (piece[-1] - piece[0])), at + 1


def round_middle(low: float, high: float) -> float:
    """Returns the middle of a range, rounded to two digits, or to more if it must stay inside.

    >>> round_middle(9.5, 12.1), round_middle(21.1, 21.9)
    (11.0, 21.5)
    """
    middle = (low + high) / 2
    rounded = (float(f"{middle:.{digits}g}") for digits in range(2, 8))
    return next((value for value in rounded if low < value < high), middle)
