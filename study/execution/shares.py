"""What one trial gets of the machine or cluster, and how many trials therefore run at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eisnn.errors import ConfigError
from study.agenda.job import Job
from study.errors import RayLost
from study.execution.fractions import Footprint, larger, why_too_small
from study.execution.portion import ALMOST, Portion
from study.execution.probes import Known, Look, Meter, measure, shares
from study.execution.shapes import worst
from study.plan import Arm, Plan
from study.store.records import Order
from study.worker.gpu import Gpu
from study.worker.gpu import look as look_at_gpu

UNKNOWN_GPU = "GPU"  # if Ray does not name it
LOOK_SECONDS = 120.0  # a driver that hangs must not keep the study waiting
REFRESH_SECONDS = 5.0  # between two looks at the machines


class Share:
    """Each arm's portion, learned from probes and from trials that ran out of memory."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        max_concurrent: int | None,
        meter: Meter,
        note: Callable[[str], None],
        look: Look = look_at_gpu,
    ) -> None:
        import ray

        self.ray = ray
        self.limit = max_concurrent
        self.resources = plan.spec.resources
        self.note = note
        self.meter = meter
        self.look = look
        self.known = Known(folder)
        self.nodes = self._nodes()
        self.gpus = sum(node.get("GPU", 0.0) for node in self.nodes)
        self._next = time.monotonic() + REFRESH_SECONDS
        self.portions = {arm.name: self._asked_for(arm) for arm in plan.arms}
        self._check_machine()
        if self.gpus:
            self._measure(plan)

    def _asked_for(self, arm: Arm) -> Portion:
        gpu = self.resources.gpu_of(arm.name)
        portion = Portion(self.resources.cpu, memory_gb=self.resources.memory_gb)
        if gpu == "auto":
            return portion
        return replace(portion, gpu=float(gpu))

    # ---- the machines

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def _gpu_name(self) -> str:
        """Returns Ray's name of the GPUs, since measurements on one kind say nothing of another."""
        kinds = set()
        for node in self.nodes:
            for name in node:
                if name.startswith("accelerator_type:"):
                    kinds.add(name.partition(":")[2])
        return "+".join(sorted(kinds)) or UNKNOWN_GPU

    def _check_machine(self) -> None:
        """Raises ConfigError if no machine has enough for one trial."""
        units = {"CPU": (1, "CPUs"), "GPU": (1, "GPU"), "memory": (2**30, "GB of memory")}
        for arm, portion in self.portions.items():
            keys = {
                "CPU": "resources.cpu",
                "GPU": self.resources.gpu_key(arm),
                "memory": "resources.memory_gb",
            }
            for name, wanted in portion.bundle.items():
                most = max((node.get(name, 0.0) for node in self.nodes), default=0.0)
                if wanted <= most:
                    continue
                unit, word = units[name]
                hint = "; give gpu: 0 or auto" if name == "GPU" else ""
                raise ConfigError(
                    f"{keys[name]}: a trial of {arm} asks for {wanted / unit:.3g} {word} "
                    f"and the largest machine has {most / unit:.3g}{hint}"
                )

    def _measure(self, plan: Plan) -> None:
        kind = self._gpu_name()
        automatic = [arm for arm in plan.arms if self.resources.gpu_of(arm.name) == "auto"]
        if automatic:
            gpu = self._look()
            if gpu.problem is not None:
                self.note(f"the GPU is not used: {gpu.problem}; trials run on the CPU")
                return
            kind = f"{kind}: {gpu.name}, {gpu.total_mb:,.0f} MB"
        failed = measure(
            self.known, kind, automatic, lambda config: self._probe(plan, config), self.note
        )
        given = shares(self.known, kind, automatic, self._most_per_gpu(), failed)
        arms_of: dict[str, list[str]] = {}
        for name, share in given.items():
            self.portions[name] = replace(
                self.portions[name], gpu=share.fraction, context_mb=share.context_mb
            )
            arms_of.setdefault(share.reason, []).append(name)
        for reason, names in arms_of.items():
            self.note(f"{', '.join(names)}: {reason}")
        for arm in plan.arms:
            for config in worst(arm):
                for footprint in self.known.of_kind(self._gpu_name(), config):
                    self._check_explicit(arm.name, footprint)

    def _most_per_gpu(self) -> int:
        """Returns how many trials per GPU the CPUs can serve, on the machine with most CPUs."""
        counts = [1]
        for node in self.nodes:
            if node.get("GPU"):
                per_gpu = node.get("CPU", 0.0) / self.resources.cpu / node["GPU"]
                counts.append(int(per_gpu + ALMOST))
        return max(counts)

    def _look(self) -> Gpu:
        """Asks a worker which GPU it has, and whether PyTorch can use it."""
        task = self.ray.remote(num_cpus=0, num_gpus=1, max_calls=1, max_retries=0)(self.look)
        try:
            found: Gpu = self.ray.get(task.remote(), timeout=LOOK_SECONDS)
        except Exception as error:
            return Gpu(problem=(str(error).strip().splitlines() or [type(error).__name__])[-1])
        return found

    def _probe(self, plan: Plan, config: dict[str, Any]) -> Mapping[str, float]:
        task = self.ray.remote(num_cpus=self.resources.cpu, num_gpus=1, max_calls=1, max_retries=0)(
            self.meter
        )
        order = Order("probe", config, diagnose=plan.spec.diagnostics, folders=plan.folders)
        found: Mapping[str, float] = self.ray.get(task.remote(order))
        return found

    def _check_explicit(self, arm: str, footprint: Footprint) -> None:
        """Raises ConfigError if an earlier probe shows that the given fraction is too small."""
        if self.resources.gpu_of(arm) == "auto":
            return
        fraction = self.portions[arm].gpu
        problem = why_too_small(fraction, footprint) if fraction else None
        if problem:
            raise ConfigError(f"{self.resources.gpu_key(arm)}: {problem}")

    # ---- one trial's portion

    def of(self, job: Job) -> Portion:
        """Returns the portion of a job's trial; one that runs alone gets a whole GPU."""
        return self._of(job.arm, job.alone)

    def _of(self, arm: str, alone: bool = False) -> Portion:
        portion = self.portions[arm]
        raised = self.known.raised.get(arm, {})
        if portion.gpu:
            at_least = 1.0 if alone else raised.get("gpu", 0.0)
            return replace(portion, gpu=max(portion.gpu, at_least))
        if portion.memory_gb and "memory_gb" in raised:
            return replace(portion, memory_gb=max(portion.memory_gb, raised["memory_gb"]))
        return portion

    def ran_out(self, job: Job, had: Portion) -> None:
        """Gives the arm's later trials more than the portion that was too small; keeps a record."""
        if had.gpu and had.gpu < 1:
            more = larger(had.gpu)
            self.known.learn(job.arm, "gpu", more)
            self.note(
                f"{job.arm}: {had.gpu:.3g} of a GPU was too little memory; "
                f"its trials now get {more:.3g}"
            )
        elif had.memory_gb and not had.gpu:
            most = max(node.get("memory", 0.0) for node in self.nodes) / 2**30
            more = min(2 * had.memory_gb, most)
            self.known.learn(job.arm, "memory_gb", more)
            self.note(
                f"{job.arm}: {had.memory_gb:.3g} GB was too little memory; "
                f"its trials now get {more:.3g}"
            )

    # ---- how many trials at once

    def _refresh(self) -> None:
        """Looks at the machines every few seconds, since clusters grow and shrink."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REFRESH_SECONDS
            self.nodes = self._nodes()
        if not any(node.get("CPU") for node in self.nodes):
            raise RayLost("Ray has lost its last machine")

    def _now(self) -> list[Portion]:
        return [self._of(arm) for arm in self.portions]

    def _fit(self, portion: Portion) -> int:
        fits = sum(portion.fits(node) for node in self.nodes)
        return max(1, min(fits, self.limit or fits))

    def concurrency(self) -> int:
        """Returns how many trials fit at once, in an even mixture of the arms."""
        self._refresh()
        each = [self._fit(portion) for portion in self._now()]
        return max(1, round(len(each) / sum(1 / fits for fits in each)))

    def room(self, running: Collection[Portion]) -> bool:
        """Returns whether one more trial, of the arm that needs least, can start.

        A trial that needs more waits in Ray, and no other trial overtakes it.
        """
        self._refresh()
        portions = self._now()
        if len(running) >= max(self._fit(portion) for portion in portions):
            return False
        cpus = sum(node.get("CPU", 0.0) for node in self.nodes)
        gpus = sum(node.get("GPU", 0.0) for node in self.nodes)
        cpu = sum(one.cpu for one in running) + min(one.cpu for one in portions)
        gpu = sum(one.gpu for one in running) + min(one.gpu for one in portions)
        return cpu <= cpus + ALMOST and gpu <= gpus + ALMOST

    @property
    def has_company(self) -> bool:
        """Whether trials share a GPU."""
        return any(0 < portion.gpu < 1 for portion in self._now())

    @property
    def on_cpu(self) -> bool:
        """Whether trials of some arm run without a GPU."""
        return any(not portion.gpu for portion in self.portions.values())

    def text(self) -> str:
        threads = max(1, int(self.resources.cpu))
        gpus = sorted({portion.gpu for portion in self._now()})
        if gpus != [0.0]:
            where = " or ".join(f"{gpu:.3g}" for gpu in gpus) + " GPU each"
        elif self.gpus:
            where = "on the CPU"
        else:
            where = "on the CPU (there is no GPU)"
        each = f"{threads} thread{'s' if threads > 1 else ''} each"
        count = self.concurrency()
        return f"{count} trial{'s' * (count != 1)} at once, {each}, {where}"
