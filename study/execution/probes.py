"""What the study knows of its trials' memory: probes' outcomes, and lessons from trials that ran out. Kept in shares.json."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eisnn.config.trial import TrialConfig, resolved
from study import store
from study.execution.fractions import Footprint, shape, to_probe, trials_per_gpu, why, worst
from study.execution.fractions import key as key_of
from study.plan.plan import Arm

# {"config", "diagnose", "folders"} as of a worker's job -> what a Footprint says. Called in a worker with a GPU of its own.
Meter = Callable[[dict[str, Any]], Mapping[str, float]]


class Known:
    """``shares.json``: {"probes": {GPU: {shape's key: footprint}}, "raised": {arm: {"gpu", "memory_gb"}}}."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shares.json"
        record = store.read_json(self.path) or {}
        self.probes: dict[str, dict[str, Any]] = dict(record.get("probes", {}))
        self.raised: dict[str, dict[str, float]] = dict(record.get("raised", {}))

    def _save(self) -> None:
        store.write_json(self.path, {"probes": self.probes, "raised": self.raised})

    def footprint(self, gpu: str, config: TrialConfig) -> Footprint | None:
        found = self.probes.get(gpu, {}).get(key_of(config))
        return (
            Footprint(*(float(found[name]) for name in ("peak_mb", "context_mb", "total_mb")))
            if found
            else None
        )

    def add(self, gpu: str, config: TrialConfig, footprint: Footprint) -> None:
        entry = {**asdict(footprint), "shape": shape(config)}
        self.probes = {**self.probes, gpu: {**self.probes.get(gpu, {}), key_of(config): entry}}
        self._save()

    def learn(self, arm: str, what: str, amount: float) -> None:
        """From now on the arm's trials get at least ``amount`` of ``what`` ("gpu" or "memory_gb")."""
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
    """Probes the arms' shapes that are not known on this kind of GPU, largest first; each outcome is on disk before the next probe.

    Returns the keys of those that failed: said, not kept. Their trials get a whole GPU, and if the fault is theirs, will record it.
    """
    missing = {
        name: config
        for name, config in to_probe(arms).items()
        if known.footprint(gpu, config) is None
    }
    failed = set()
    if missing:
        note(
            f"measuring the GPU memory of {len(missing)} kind{'s' * (len(missing) > 1)} of network"
        )
    for name, config in missing.items():
        try:
            known.add(gpu, config, Footprint(**probe(resolved(config))))
        except Exception as error:
            failed.add(name)
            reason = (str(error).strip().splitlines() or [""])[-1]
            note(
                f"a probe failed, so trials of its kind get a whole GPU: {type(error).__name__}: {reason}"
            )
    return failed


def shares(
    known: Known, gpu: str, arms: Iterable[Arm], most: int, failed: Collection[str] = ()
) -> dict[str, tuple[float, float, str]]:
    """For each arm: its share of a GPU, the context's MB, and the reason.

    A shape that was not probed (beyond MAX_PROBES, so none of the largest) counts as large as the largest that was. ``most``: how
    many trials at once the CPUs can serve per GPU.
    """
    arms = list(arms)
    measured = [
        found
        for config in to_probe(arms).values()
        if (found := known.footprint(gpu, config)) is not None
    ]
    given = {}
    for arm in arms:
        configs = worst(arm)
        if not measured or any(key_of(config) in failed for config in configs):
            given[arm.name] = (1.0, 0.0, "not measured: a whole GPU")
            continue
        footprints = [
            known.footprint(gpu, config) or max(measured, key=_peak) for config in configs
        ]
        biggest = max(footprints, key=_peak)
        trials = trials_per_gpu(biggest, most)
        given[arm.name] = (1 / trials, biggest.context_mb, why(biggest, trials, most))
    return given


def _peak(footprint: Footprint) -> float:
    return footprint.peak_mb
