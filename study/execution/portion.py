"""One trial's part of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALMOST = 1e-9  # sums of fractions are not exact


@dataclass(frozen=True)
class Portion:
    """One trial's CPUs, its GPUs (a fraction of one, or whole ones), and its limit of CPU memory.

    ``context_mb`` is the part of the GPU memory that CUDA itself takes.
    """

    cpu: float
    gpu: float = 0.0
    memory_gb: float | None = None
    context_mb: float = 0.0

    @property
    def bundle(self) -> dict[str, float]:
        """The portion as Ray's resources."""
        bundle = {"CPU": self.cpu}
        if self.gpu:
            bundle["GPU"] = self.gpu
        elif self.memory_gb:
            bundle["memory"] = self.memory_gb * 2**30
        return {name: value for name, value in bundle.items() if value}

    def fits(self, node: Mapping[str, float]) -> int:
        """Returns how many such trials a machine with these resources can run at once."""
        counts = []
        for name, value in self.bundle.items():
            if name == "GPU" and value < 1:
                counts.append(int(node.get("GPU", 0.0)) * int(1 / value + ALMOST))
            else:
                counts.append(int(node.get(name, 0.0) / value + ALMOST))
        return min(counts)
