"""What one trial gets of the machine or cluster, and how many trials therefore run at once."""

from __future__ import annotations

import time

from study.limits import RayLost, Stopped
from study.spec import Resources


class Share:
    """What one trial gets of the machine or cluster, and how many therefore run at once."""

    def __init__(self, resources: Resources, max_concurrent: int | None) -> None:
        import ray

        self.ray, self.cpu, self.limit, self.memory_gb = ray, resources.cpu, max_concurrent, resources.memory_gb
        self.gpus = ray.cluster_resources().get("GPU", 0.0)
        self.gpu = (1.0 if self.gpus else 0.0) if resources.gpu == "auto" else float(resources.gpu)
        if self.gpu > self.gpus:
            raise Stopped(f"resources.gpu: a trial asks for {self.gpu:g} GPU and there are {self.gpus:g}; give gpu: 0 or auto")
        cpus = max(node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"])
        if self.cpu > cpus:
            raise Stopped(f"resources.cpu: a trial asks for {self.cpu:g} CPUs and no machine has more than {cpus:g}")
        self._known, self._next = 1, 0.0

    def concurrency(self) -> int:
        """How many trials fit now; asked anew every few seconds, for clusters grow and shrink."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 5.0
            total = self.ray.cluster_resources()
            if not total.get("CPU"):
                raise RayLost("Ray has lost its last machine")
            fits = int(total.get("CPU", 0.0) / self.cpu + 1e-9)
            if self.gpu:
                each = int(1 / self.gpu + 1e-9) if self.gpu < 1 else 1
                fits = min(fits, int(total.get("GPU", 0.0) * each) if self.gpu < 1 else int(total.get("GPU", 0.0) / self.gpu))
            self._known = max(1, min(fits, self.limit or fits))
        return self._known

    def text(self) -> str:
        where = f"{self.gpu:g} GPU each" if self.gpu else "on the CPU" + ("" if self.gpus else " (there is no GPU)")
        threads = max(1, int(self.cpu))
        return f"{self.concurrency()} trials at once, {threads} thread{'s' if threads > 1 else ''} each, {where}"
