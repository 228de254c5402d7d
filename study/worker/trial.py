"""One trial in a worker: its config goes to `eisnn.fit`, what comes back goes to the trial's folder.

Whatever happens is recorded as an outcome; only the death of the process, or the driver's word to stop, leaves the folder
without one, and the next attempt goes on from the last checkpoint.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from eisnn.config.trial import TrialConfig, make_config
from eisnn.config.user_code import look_in
from eisnn.errors import CheckpointError, DataError, Diverged
from study import store
from study.worker import environment

IMAGES = 0.125  # of a GPU share: for each of the three splits
PATIENCE = (
    120.0  # seconds for which a trial waits for an orphan of a killed run to leave its folder
)

DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's is ten times as fast

Report = Callable[[dict[str, Any]], None]


def run(job: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Trains the trial that ``job`` describes, or goes on with it, and returns its final state, which is also on disk.

    ``report`` receives each epoch's metrics; epochs of earlier attempts are reported again. A finished trial is not trained.
    """
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with store.lock_trial(folder, PATIENCE):
        store.remove_leftovers(folder)
        done = store.finished_state(folder, tested=job["test"])
        if done is not None and not job["repeat"]:
            for row in store.read_history(folder) or []:
                report(row)
            return done
        try:
            environment.check_code(job.get("code"))
            return _attempt(job, folder, report)
        except OSError as error:
            return _ended(job, folder, error, {"state": "failed", "epochs": 0})


def _attempt(job: Mapping[str, Any], folder: Path, report: Report) -> dict[str, Any]:
    look_in(job.get("folders", ()))
    config = make_config(job["config"], job["id"])
    earlier = store.read_state(folder)
    damaged = [str(path) for path in store.set_damaged_aside(folder)]
    again = earlier is not None and earlier["state"] in (
        "running",
        "interrupted",
        "failed",
        "out_of_memory",
    )
    state = {
        "id": job["id"], "state": "running", "reason": None, "test": job["test"], "roles": job["roles"], "seed": config.seed,
        "alone": job["alone"], "epochs": 0, "metrics": {}, "started": earlier["started"] if earlier else store.now(),
        "finished": None, "retries": (earlier["retries"] + 1 if again else earlier["retries"]) if earlier else 0,
        "environment": job["environment"], "damaged": damaged,
    }  # fmt: skip
    store.write_text(
        folder / "config.yaml", yaml.dump(job["config"], Dumper=DUMPER, sort_keys=False)
    )
    store.write_state(folder, state)
    history = _History(folder, report)
    try:
        _take_share(job)
        state["path"] = _path(config, job)
        state["metrics"] = _fit(config, job, folder, history.add, state)
        state["state"] = "completed"
    except Exception as error:
        return _ended(job, folder, error, {**state, "epochs": len(history.rows)})
    state.update(epochs=len(history.rows), finished=store.now())
    store.write_state(folder, state)
    if not job["test"]:
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    (folder / "error.txt").unlink(missing_ok=True)
    return state


def _fit(
    config: TrialConfig, job: Mapping[str, Any], folder: Path, report: Report, state: dict[str, Any]
) -> dict[str, float]:
    """`eisnn.fit` from the last checkpoint; a damaged one is set aside, which ``state`` says, and the trial starts again."""
    import eisnn

    checkpoint = folder / "checkpoint.pt"
    options: dict[str, Any] = {"report": report, "checkpoint_to": checkpoint, "test": job["test"]}
    options["device"] = "cuda" if job["gpu"] else "cpu"
    if job["gpu"]:
        options["images_on_device"] = _for_images(job)
    if job["diagnose"] != "off":
        options.update(diagnose=job["diagnose"], diagnose_to=folder)
    try:
        metrics = eisnn.fit(config, resume_from=checkpoint, **options)
    except CheckpointError:
        if not checkpoint.exists():
            raise
        state["damaged"].append(str(store.set_aside(checkpoint)))
        store.write_state(folder, state)
        metrics = eisnn.fit(config, resume_from=checkpoint, **options)
    return {
        name: value for name, value in metrics.items() if name != "epoch" and math.isfinite(value)
    }


def _path(config: TrialConfig, job: Mapping[str, Any]) -> str:
    """Which path the network's layers take; where that is the plain one, why."""
    from eisnn.kernels.choose import path

    return path(config, "cuda" if job["gpu"] else "cpu")


class _History:
    """The trial's epochs: on disk before the driver hears of them; an epoch heard again changes nothing."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder, self.report = folder, report
        self.rows: list[dict[str, Any]] = list(store.read_history(folder) or [])

    def add(self, metrics: Mapping[str, Any]) -> None:
        row = {name: metrics[name] for name in store.HISTORY_COLUMNS if name in metrics}
        epoch = int(row["epoch"])
        if self.rows[epoch - 1 : epoch] != [row]:
            self.rows[epoch - 1 :] = [row]
            store.write_history(self.folder, self.rows)
        self.report(row)


def _take_share(job: Mapping[str, Any]) -> None:
    """Keeps the trial within its share: CPU threads, memory, and a fraction of a GPU or none."""
    if not job["gpu"]:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves it unset, and every GPU would be seen
    import torch

    torch.set_num_threads(max(1, int(job["cpu"])))
    if job["gpu"]:
        torch.cuda.empty_cache()  # of the trial before
        _, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(
            max(0.0, min(1.0, job["gpu"]) - job["context_mb"] * 2**20 / total)
        )
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int(job["memory_gb"] * 2**30) if job["memory_gb"] and not job["gpu"] else hard
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _for_images(job: Mapping[str, Any]) -> float:
    """Bytes of the GPU share that a split's images may take; what is larger is streamed."""
    import torch

    _, total = torch.cuda.mem_get_info()
    return IMAGES * min(1.0, float(job["gpu"])) * total


def probe(job: Mapping[str, Any]) -> dict[str, float]:
    """A `study.execution.fractions.Footprint` of the job's config, measured on the GPU that this process has to itself."""
    from eisnn.training.footprint import rehearse

    look_in(job["folders"])
    reading = rehearse(make_config(job["config"], "probe"), "cuda", job["diagnose"])
    return {"peak_mb": reading.peak, "context_mb": reading.outside, "total_mb": reading.total}


# ---- ends other than well -----------------------------------------------------------------------------------------------


def _ended(
    job: Mapping[str, Any], folder: Path, error: Exception, state: dict[str, Any]
) -> dict[str, Any]:
    """The outcome of a trial that raised, on disk if there is room for it."""
    name, cause = cause_of(error)
    rows = store.read_history(folder) or []
    state = {
        "id": job["id"], "test": job["test"], "roles": job["roles"], "seed": job["config"]["seed"], "started": store.now(),
        "retries": 0, "environment": job["environment"], "alone": job["alone"], **state,
        "state": name, "cause": cause, "reason": _reason(error), "metrics": last_metrics(rows[: state["epochs"]]),
        "epochs": min(state["epochs"], len(rows)), "finished": store.now(), "again": cause in ("data", "disk_full", "system"),
    }  # fmt: skip
    state["tail"] = "".join(traceback.format_exception(error)[-3:])[-2000:]
    try:
        store.write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
        store.write_state(folder, state)
    except OSError as problem:
        print(f"{folder}: cannot record the outcome: {problem}", file=sys.stderr)
    return state


def cause_of(error: BaseException) -> tuple[str, str]:
    """The state and the cause that an exception of a trial means. Only causes outside of our code may be tried again."""
    text = str(error).lower()
    if isinstance(error, Diverged):
        return "diverged", "diverged"
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in text
    ):
        return "out_of_memory", "out_of_memory"
    if isinstance(error, DataError):
        return "failed", "data"
    if store.is_full(error):
        return "failed", "disk_full"
    return "failed", "system" if isinstance(error, OSError | store.StoreError) else "error"


def _reason(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return (
        first
        if isinstance(error, Diverged | DataError) and first
        else f"{type(error).__name__}: {first}"
    )


def last_metrics(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What a trial that did not complete measured: its last epoch, and its best one on validation data."""
    if not rows:
        return {}
    metrics = {
        name: value
        for name, value in rows[-1].items()
        if name not in ("epoch", "seconds", "learning_rate")
    }
    best = max(rows, key=lambda row: row.get("val/accuracy", -1.0))
    if "val/accuracy" in best:
        metrics.update({"val/accuracy_best": best["val/accuracy"], "best_epoch": best["epoch"]})
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    return {**metrics, "seconds_per_epoch": sum(seconds) / len(seconds)} if seconds else metrics
