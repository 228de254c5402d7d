"""A GPU of 24 GB that is not here, and networks of three kinds that a probe finds on it."""

from __future__ import annotations

from typing import Any

from study.store.records import Order
from study.worker.gpu import Gpu

Tree = dict[str, Any]
TOTAL = 24_000.0
PEAKS = {"ei": 4000.0, "bn": 9000.0}  # 1/4 each as 4 CPUs serve no more, and 1/2


def seen() -> Gpu:
    """A worker's look at a GPU that is not there."""
    return Gpu("NVIDIA A100", TOTAL)


def metered(job: Order) -> dict[str, float]:
    return {
        "peak_mb": PEAKS[job.config["model"]["norm"]],
        "context_mb": 600.0,
        "total_mb": TOTAL,
    }


def only_replicates(tree: Tree, **resources: Any) -> Tree:
    """The study without its search, with a factor that leaves memory as it is, a third kind of
    network, and these resources."""
    tree.update(
        tune="none",
        resources=resources,
        ablation={"factors": {"scaling": {"circuit.prop.grad_scale_exponent": 0.0}}},
    )
    tree["baselines"]["unshared"] = {"model.norm": "none"}
    return tree
