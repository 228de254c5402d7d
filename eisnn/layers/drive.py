"""What a block of cells asks of the layer that drives it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Drive(Protocol):
    """A layer that turns activity into the current of a block's cells.

    `CircuitLayer`, `NormalizedLayer` and the layers of users are drives. Activity is merged over
    time, [T*B, ...], time outermost.
    """

    name: str

    @property
    def needs_time(self) -> bool:
        """Whether the current of a static image differs between time steps."""

    def __call__(self, x: Tensor) -> Tensor:
        """[N, inputs, ...] -> current [N, cells, ...], one for each cell of the block."""
