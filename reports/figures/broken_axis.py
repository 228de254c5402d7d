"""Where an axis is broken, so that what lies close together can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAP = 0.4  # a gap of this share of the range breaks the axis
MOST_PIECES = 3


def pieces(points: Sequence[float], most: int = MOST_PIECES) -> list[tuple[float, float]]:
    """(lowest, highest) of each piece of the axis, split where more than half of it is empty.

    >>> pieces([10, 95, 96, 97])
    [(10, 10), (95, 97)]
    >>> pieces([90, 95, 96])
    [(90, 96)]
    """
    found = [sorted(points)]
    while len(found) < most:
        # The emptiest piece is split first.
        candidates = [_emptiest(piece) for piece in found]
        share, at = max(candidates, key=lambda candidate: candidate[0])
        if share <= GAP:
            break
        place = [candidate[0] for candidate in candidates].index(share)
        piece = found[place]
        found[place : place + 1] = [piece[:at], piece[at:]]
    return [(piece[0], piece[-1]) for piece in found]


def _emptiest(piece: Sequence[float]) -> tuple[float, int]:
    """(the widest gap as a share of the range, the index that it ends at)."""
    if len(piece) < 3:
        return 0.0, 0
    gaps = np.diff(piece)
    at = int(np.argmax(gaps))
    # Gaps of less than ten units are no reason to break an axis.
    share = float(gaps[at] / (piece[-1] - piece[0])) if gaps[at] > 10 else 0.0
    return share, at + 1
