"""What one trial gets of the machine or cluster, and how many trials therefore run at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.agenda.agenda import Job
from study.agenda.limits import RayLost, Stopped
from study.execution.fractions import larger, too_small, worst
from study.execution.probes import Known, Meter, measure, shares
from study.plan.plan import Plan

UNKNOWN_GPU = "GPU"  # where Ray does not say which


@dataclass(frozen=True)
class Portion:
    """One trial's part: CPUs; GPUs, a fraction of one or whole ones; on the CPU the memory it may use, if that is limited."""

    cpu: float
    gpu: float = 0.0
    memory_gb: float | None = None
    context_mb: float = 0.0  # of the GPU's part, taken by CUDA itself

    @property
    def bundle(self) -> dict[str, float]:
        """As Ray's resources."""
        memory = self.memory_gb * 2**30 if self.memory_gb and not self.gpu else 0.0
        return {
            name: value
            for name, value in (("CPU", self.cpu), ("GPU", self.gpu), ("memory", memory))
            if value
        }

    def fits(self, node: Mapping[str, float]) -> int:
        """How many such trials a machine with these resources can run at once."""
        gpus = int(node.get("GPU", 0.0))
        return min(
            gpus * int(1 / value + 1e-9)
            if name == "GPU" and value < 1
            else int(node.get(name, 0.0) / value + 1e-9)
            for name, value in self.bundle.items()
        )


class Share:
    """Each arm's portion, learned from probes and from trials that ran out of memory."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        max_concurrent: int | None,
        meter: Meter,
        note: Callable[[str], None],
    ) -> None:
        import ray

        self.ray, self.limit, self.resources, self.note, self.meter = (
            ray,
            max_concurrent,
            plan.spec.resources,
            note,
            meter,
        )
        self.known = Known(folder)
        self.nodes = self._nodes()
        self.gpus = sum(node.get("GPU", 0.0) for node in self.nodes)
        self._next = time.monotonic() + 5.0
        self.portions = {
            arm.name: Portion(self.resources.cpu, memory_gb=self.resources.memory_gb)
            for arm in plan.arms
        }
        for arm in plan.arms:
            gpu = self.resources.gpu_of(arm.name)
            if gpu != "auto":
                self.portions[arm.name] = replace(self.portions[arm.name], gpu=float(gpu))
        self._check_machine()
        if self.gpus:
            self._measure(plan)

    # ---- what there is

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def _gpu_name(self) -> str:
        """Ray's word for the GPUs' kind; what was measured on one kind says nothing of another."""
        kinds = {
            name.partition(":")[2]
            for node in self.nodes
            for name in node
            if name.startswith("accelerator_type:")
        }
        return "+".join(sorted(kinds)) or UNKNOWN_GPU

    def _check_machine(self) -> None:
        """Refuses what no machine here can give to one trial."""
        for arm, portion in self.portions.items():
            keys = {
                "CPU": "resources.cpu",
                "GPU": self.resources.gpu_key(arm),
                "memory": "resources.memory_gb",
            }
            units = {"CPU": (1, "CPUs"), "GPU": (1, "GPU"), "memory": (2**30, "GB of memory")}
            for name, wanted in portion.bundle.items():
                most = max((node.get(name, 0.0) for node in self.nodes), default=0.0)
                if wanted > most:
                    hint = "; give gpu: 0 or auto" if name == "GPU" else ""
                    unit, word = units[name]
                    asked = f"a trial of {arm} asks for {wanted / unit:.3g} {word}"
                    raise Stopped(
                        f"{keys[name]}: {asked} and the largest machine has {most / unit:.3g}{hint}"
                    )

    def _measure(self, plan: Plan) -> None:
        kind, automatic = (
            self._gpu_name(),
            [arm for arm in plan.arms if self.resources.gpu_of(arm.name) == "auto"],
        )
        failed = measure(
            self.known, kind, automatic, lambda config: self._probe(plan, config), self.note
        )
        most = max(
            int(node.get("CPU", 0.0) / self.resources.cpu / node["GPU"] + 1e-9)
            for node in self.nodes
            if node.get("GPU")
        )
        given = shares(self.known, kind, automatic, max(1, most), failed)
        for name, (gpu, context, _) in given.items():
            self.portions[name] = replace(self.portions[name], gpu=gpu, context_mb=context)
        for reason in dict.fromkeys(reason for _, _, reason in given.values()):
            names = [name for name, item in given.items() if item[2] == reason]
            self.note(f"{', '.join(names)}: {reason}")
        for arm in plan.arms:
            self._check_explicit(
                arm.name, [self.known.footprint(kind, config) for config in worst(arm)]
            )

    def _probe(self, plan: Plan, config: dict[str, Any]) -> Mapping[str, float]:
        task = self.ray.remote(num_cpus=self.resources.cpu, num_gpus=1, max_calls=1, max_retries=0)(
            self.meter
        )
        job = {"config": config, "diagnose": plan.spec.diagnostics, "folders": plan.folders}
        found: Mapping[str, float] = self.ray.get(task.remote(job))
        return found

    def _check_explicit(self, arm: str, footprints: Collection[Any]) -> None:
        """A given fraction that an earlier probe shows to be impossible."""
        if self.resources.gpu_of(arm) == "auto":
            return
        for footprint in footprints:
            problem = (
                footprint
                and self.portions[arm].gpu
                and too_small(self.portions[arm].gpu, footprint)
            )
            if problem:
                raise Stopped(f"{self.resources.gpu_key(arm)}: {problem}")

    # ---- what a trial gets

    def of(self, job: Job) -> Portion:
        """An arm's portion, or what its trials were seen to need; a trial that runs alone gets a whole GPU."""
        return self._of(job.arm, job.alone)

    def _of(self, arm: str, alone: bool = False) -> Portion:
        portion, raised = self.portions[arm], self.known.raised.get(arm, {})
        if portion.gpu:
            return replace(portion, gpu=max(portion.gpu, 1.0 if alone else raised.get("gpu", 0.0)))
        if portion.memory_gb and "memory_gb" in raised:
            return replace(portion, memory_gb=max(portion.memory_gb, raised["memory_gb"]))
        return portion

    def ran_out(self, job: Job, had: Portion) -> None:
        """The arm's later trials get more than what was not enough; kept in the study's folder."""
        if had.gpu and had.gpu < 1:
            self.known.learn(job.arm, "gpu", larger(had.gpu))
            self.note(
                f"{job.arm}: {had.gpu:.3g} of a GPU was too little memory; its trials now get {larger(had.gpu):.3g}"
            )
        elif had.memory_gb and not had.gpu:
            most = max(node.get("memory", 0.0) for node in self.nodes) / 2**30
            more = min(2 * had.memory_gb, most)
            self.known.learn(job.arm, "memory_gb", more)
            self.note(
                f"{job.arm}: {had.memory_gb:.3g} GB was too little memory; its trials now get {more:.3g}"
            )

    # ---- how many

    def _refresh(self) -> None:
        """Clusters grow and shrink: asked anew every few seconds."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 5.0
            self.nodes = self._nodes()
        if not any(node.get("CPU") for node in self.nodes):
            raise RayLost("Ray has lost its last machine")

    def _now(self) -> list[Portion]:
        return [self._of(arm) for arm in self.portions]

    def _fit(self, portion: Portion) -> int:
        fits = sum(portion.fits(node) for node in self.nodes)
        return max(1, min(fits, self.limit or fits))

    def concurrency(self) -> int:
        """How many trials run at once, in an even mixture of the arms."""
        self._refresh()
        each = [self._fit(portion) for portion in self._now()]
        return max(1, round(len(each) / sum(1 / fits for fits in each)))

    def room(self, running: Collection[Portion]) -> bool:
        """Whether one more trial, of the arm that needs least, can start. One that needs more waits in Ray, and nothing passes it."""
        self._refresh()
        portions = self._now()
        if len(running) >= max(self._fit(portion) for portion in portions):
            return False
        return all(
            sum(getattr(one, name) for one in running)
            + min(getattr(portion, name) for portion in portions)
            <= sum(node.get(resource, 0.0) for node in self.nodes) + 1e-9
            for name, resource in (("cpu", "CPU"), ("gpu", "GPU"))
        )

    @property
    def on_cpu(self) -> bool:
        """Whether trials of some arm run without a GPU."""
        return any(not portion.gpu for portion in self.portions.values())

    def text(self) -> str:
        threads = max(1, int(self.resources.cpu))
        gpus = sorted({portion.gpu for portion in self._now()})
        if gpus == [0.0]:
            where = "on the CPU" + ("" if self.gpus else " (there is no GPU)")
        else:
            where = " or ".join(f"{gpu:.3g}" for gpu in gpus) + " GPU each"
        return f"{self.concurrency()} trials at once, {threads} thread{'s' if threads > 1 else ''} each, {where}"
