"""What the study knows of its trials' memory, from probes and from trials that ran out of it.

Both are kept in shares.json.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eisnn.config.trial import TrialConfig, resolved
from study import store
from study.execution.fractions import Footprint, trials_per_gpu, why
from study.execution.shapes import key as key_of
from study.execution.shapes import shape, to_probe, worst
from study.plan import Arm
from study.store.records import Order
from study.worker.gpu import Gpu

# Measures a Footprint, in a worker with a GPU of its own.
Meter = Callable[[Order], Mapping[str, float]]


# Finds out about a worker's GPU.
Look = Callable[[], Gpu]


class Known:
    """The content of ``shares.json``.

    ``probes`` is {GPU: {shape's key: footprint}}; ``raised`` is {arm: {"gpu", "memory_gb"}}.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shares.json"
        record = store.read_json(self.path) or {}
        self.probes: dict[str, dict[str, Any]] = dict(record.get("probes", {}))
        self.raised: dict[str, dict[str, float]] = dict(record.get("raised", {}))

    def _save(self) -> None:
        store.write_json(self.path, {"probes": self.probes, "raised": self.raised})

    def of_kind(self, name: str, config: TrialConfig) -> list[Footprint]:
        """Returns what was measured on GPUs that Ray calls ``name``, whatever their memory."""
        kinds = [kind for kind in self.probes if kind.partition(":")[0] == name]
        found = [self.footprint(kind, config) for kind in kinds]
        return [footprint for footprint in found if footprint is not None]

    def footprint(self, gpu: str, config: TrialConfig) -> Footprint | None:
        found = self.probes.get(gpu, {}).get(key_of(config))
        if not found:
            return None
        names = [field.name for field in dataclasses.fields(Footprint)]
        return Footprint(**{name: float(found[name]) for name in names if name in found})

    def add(self, gpu: str, config: TrialConfig, footprint: Footprint) -> None:
        entry = {**asdict(footprint), "shape": shape(config)}
        self.probes = {**self.probes, gpu: {**self.probes.get(gpu, {}), key_of(config): entry}}
        self._save()

    def learn(self, arm: str, what: str, amount: float) -> None:
        """Gives the arm's later trials at least ``amount`` of ``what`` (gpu or memory_gb)."""
        if amount > self.raised.get(arm, {}).get(what, 0.0):
            self.raised = {**self.raised, arm: {**self.raised.get(arm, {}), what: amount}}
            self._save()


def measure(
    known: Known,
    gpu: str,
    arms: Iterable[Arm],
    probe: Callable[[dict[str, Any]], Mapping[str, float]],
    note: Callable[[str], None],
) -> set[str]:
    """Probes the arms' shapes that are not known on this kind of GPU, largest first.

    Each footprint is on disk before the next probe. Returns the keys of the probes that failed,
    which are noted but not kept: their trials get a whole GPU, and record an error of their own.
    """
    missing = {}
    for name, config in to_probe(arms).items():
        if known.footprint(gpu, config) is None:
            missing[name] = config
    failed = set()
    if missing:
        kinds = "kind" if len(missing) == 1 else "kinds"
        note(f"measuring the GPU memory of {len(missing)} {kinds} of network")
    for name, config in missing.items():
        try:
            known.add(gpu, config, Footprint(**probe(resolved(config))))
        except Exception as error:
            failed.add(name)
            reason = (str(error).strip().splitlines() or [""])[-1]
            note(
                "a probe failed, so trials of its kind get a whole GPU: "
                f"{type(error).__name__}: {reason}"
            )
    return failed


@dataclass(frozen=True)
class GpuShare:
    """An arm's part of a GPU, the MB of it that CUDA itself takes, and the reason."""

    fraction: float
    context_mb: float
    reason: str


def shares(
    known: Known, gpu: str, arms: Iterable[Arm], most: int, failed: Collection[str] = ()
) -> dict[str, GpuShare]:
    """Returns each arm's share. The CPUs can serve ``most`` trials per GPU.

    A shape that was not probed, because it is smaller than the MAX_PROBES largest, counts as the
    largest measured one.
    """
    arms = list(arms)
    measured = []
    for config in to_probe(arms).values():
        found = known.footprint(gpu, config)
        if found is not None:
            measured.append(found)
    given = {}
    for arm in arms:
        configs = worst(arm)
        if not measured or any(key_of(config) in failed for config in configs):
            given[arm.name] = GpuShare(1.0, 0.0, "not measured: a whole GPU")
            continue
        largest = max(measured, key=_peak)
        footprints = [known.footprint(gpu, config) or largest for config in configs]
        trials = min(trials_per_gpu(footprint, most) for footprint in footprints)
        # The footprint that allows fewest trials decides; of several, the largest.
        deciding = [one for one in footprints if trials_per_gpu(one, most) == trials]
        biggest = max(deciding, key=_peak)
        given[arm.name] = GpuShare(1 / trials, biggest.context_mb, why(biggest, trials, most))
    return given


def _peak(footprint: Footprint) -> float:
    return footprint.peak_mb
