"""Study folders in the store's format.

They are made from a few numbers, so that a report's figures can be checked by hand.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study import store

EPOCHS = 10


def identifier(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def replicate(arm: str, seed: int, accuracy: float | None, **more: Any) -> dict[str, Any]:
    """One row of trials.csv; without an accuracy the trial diverged."""
    row: dict[str, Any] = {
        "id": identifier(arm, seed, "replicate"),
        "arm": arm,
        "kind": "replicate",
        "repeat": 0,
        "number": seed % 1000,
    }
    row |= {
        "seed": seed,
        "retries": 0,
        "started": "2026-01-01T10:00:00",
        "finished": "2026-01-01T10:05:00",
    }
    if accuracy is None:
        return (
            row
            | {"state": "diverged", "reason": "the loss is nan after epoch 2", "epochs": 2}
            | more
        )
    row |= {
        "state": "completed",
        "epochs": EPOCHS,
        "val/accuracy": accuracy + 0.01,
        "val/accuracy_best": accuracy + 0.015,
    }
    row |= {
        "val/loss": 0.4,
        "best_epoch": EPOCHS - 1,
        "train/accuracy": min(1.0, accuracy + 0.02),
        "train/loss": 0.2,
    }
    row |= {
        "test/accuracy": accuracy,
        "test/loss": 0.5,
        "test/accuracy_best": accuracy + 0.002,
        "firing_rate": 0.12,
    }
    row |= {
        "parameters": 52_340,
        "seconds_per_epoch": 1.25,
        "peak_memory_mb": 312.5,
        "macs": 1.2e6,
        "acs": 3.4e6,
        "energy_nj": 8_580.0,
    }
    return row | more


def search(
    arm: str, number: int, accuracy: float | None, state: str = "completed", **more: Any
) -> dict[str, Any]:
    """One search trial's row; ``more`` holds the searched parameters by dotted path."""
    row: dict[str, Any] = {
        "id": identifier(arm, number, "search"),
        "arm": arm,
        "kind": "search",
        "number": number,
    }
    row |= {
        "seed": 0,
        "retries": 0,
        "state": state if accuracy is not None else "diverged",
        "epochs": EPOCHS,
    }
    if accuracy is not None:
        row |= {
            "val/accuracy": accuracy,
            "val/accuracy_best": accuracy + 0.005,
            "val/loss": 1 - accuracy,
            "seconds_per_epoch": 1.2,
        }
    return row | more


def history(row: Mapping[str, Any], epochs: int = EPOCHS) -> list[dict[str, Any]]:
    """Rows of epochs.csv: a saturating curve that ends at the trial's accuracy."""
    goal = row.get("val/accuracy", 0.2)
    out = []
    for epoch in range(1, int(row.get("epochs", epochs)) + 1):
        grown = 0.1 + (goal - 0.1) * (1 - np.exp(-4 * epoch / epochs)) / (1 - np.exp(-4))
        out.append(
            {
                "id": row["id"],
                "epoch": epoch,
                "val/accuracy": grown,
                "val/loss": 2.3 * (1 - grown),
                "train/accuracy": grown + 0.01,
            }
        )
        out[-1] |= {
            "train/loss": 2.2 * (1 - grown),
            "learning_rate": 0.01,
            "firing_rate": 0.1 + 0.02 * grown,
            "seconds": 1.2,
        }
    return out


def arm(
    name: str, role: str = "ablation", factors: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    plain = {"name": name, "role": role, "factors": list(factors), "overrides": {}}
    base = "configs/EI-SNN/Digits-VGG4.yaml"
    return {**plain, "base": base, "tuned": True, "optuna_study": name, **more}


def write_study(
    folder: Path, rows: Sequence[dict[str, Any]], arms: Sequence[dict[str, Any]], **plan: Any
) -> Path:
    """The folder a study leaves.

    It has ``rows`` as trials.csv and histories for every trial that has an accuracy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(
        f"name: {folder.name}\nbase: configs/EI-SNN/Digits-VGG4.yaml   # <b>as given</b>\n"
    )
    environment = {
        "git_commit": "6214c6c",
        "python": "3.11.2",
        "torch": "2.14.1",
        "hardware": "2 CPU cores",
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    defaults: dict[str, Any] = {
        "study": folder.name,
        "metric": {"name": "val/accuracy", "mode": "max"},
        "reference": "full",
    }
    defaults |= {
        "baseline": "bn",
        "confidence": 0.95,
        "seeds": 3,
        "parameters": {},
        "search": None,
    }
    defaults |= {"factors": {}, "design": ["leave_one_out"], "arms": list(arms)}
    (folder / "plan.json").write_text(json.dumps(defaults | plan))
    known = dict.fromkeys((*store.TRIAL_COLUMNS, *(key for row in rows for key in row)))
    pd.DataFrame(rows, columns=list(known)).to_csv(folder / "trials.csv", index=False)
    epochs = [line for row in rows if "val/accuracy" in row for line in history(row)]
    pd.DataFrame(epochs, columns=list(store.EPOCH_COLUMNS)).to_csv(
        folder / "epochs.csv", index=False
    )
    return folder


def small_study(folder: Path) -> Path:
    """full, two ablations (one of which always diverges) and bn, three seeds each.

    full is ahead of no_ste by 0.01, 0.02, 0.03.
    """
    values: dict[str, list[float | None]] = {
        "full": [0.96, 0.97, 0.98],
        "no_ste": [0.95, 0.95, 0.95],
        "no_init": [None, None, None],
        "bn": [0.94, 0.96, 0.95],
    }
    rows = [
        replicate(name, 1000 + k, value)
        for name, list_ in values.items()
        for k, value in enumerate(list_)
    ]
    arms = [
        arm("full", "reference"),
        arm("no_ste", factors=["ste"]),
        arm("no_init", factors=["init"]),
        arm("bn", "baseline"),
    ]
    return write_study(folder, rows, arms, factors={"ste": {}, "init": {}})


PARAMETERS: dict[str, dict[str, Any]] = {
    "circuit.init.gain": {"type": "float", "low": 0.25, "high": 4.0, "log": True},
    "circuit.ei_ratio": {"type": "categorical", "choices": [2, 4, 8]},
    "circuit.prop.grad_scale_exponent": {"type": "float", "low": 0.0, "high": 1.5},
    "train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
}


def large_study(folder: Path, *, trials: int = 15, seeds: int = 10, epochs: int = 100) -> Path:
    """A study like the default one (200 trials at the default sizes).

    A search per arm, then seeds; some arms weak, one dead.
    """
    rng = np.random.default_rng(0)
    taken = {
        "full": [],
        "no_init": ["init"],
        "no_stabiliser": ["stabiliser"],
        "no_ste": ["ste"],
        "no_scaling": ["scaling"],
    }
    level = {
        "full": 0.965,
        "no_init": 0.10,
        "no_stabiliser": 0.93,
        "no_ste": 0.966,
        "no_scaling": 0.90,
        "dead": None,
        "bn": 0.972,
        "none": 0.6,
    }
    arms = [arm(name, "ablation" if gone else "reference", gone) for name, gone in taken.items()]
    arms += [arm("dead", factors=["divisive"]), arm("bn", "baseline"), arm("none", "baseline")]
    common = rng.normal(0, 0.004, seeds)
    rows = []
    for name, mean in level.items():
        for k in range(trials):
            lr, gain = 10 ** rng.uniform(-3, -1), 4 ** rng.uniform(-1, 1)
            loss = 0.06 * (np.log10(lr) + 1.7) ** 2 + 0.03 * np.log(gain) ** 2
            value = (
                None if mean is None else float(np.clip(mean - loss + rng.normal(0, 0.005), 0.1, 1))
            )
            more = {"train.learning_rate": lr}
            if name not in ("bn", "none"):
                more |= {
                    "circuit.init.gain": gain,
                    "circuit.ei_ratio": rng.choice([2, 4, 8]),
                    "circuit.prop.grad_scale_exponent": rng.uniform(0, 1.5),
                }
            state = "pruned" if k % 5 == 4 else "completed"
            rows.append(
                search(name, k, value, state, **more)
                | {"epochs": epochs // 4 if state == "pruned" else epochs}
            )
        for k in range(seeds):
            value = (
                None
                if mean is None
                else float(np.round((mean + common[k] + rng.normal(0, 0.004)) * 360) / 360)
            )
            cost = {
                "energy_nj": 5000 + 900 * len(rows) % 7000,
                "seconds_per_epoch": 1 + 0.003 * len(rows),
            }
            rows.append(
                replicate(name, 1000 + k, value, **cost) | {"epochs": epochs if value else 2}
            )
    factors: dict[str, Any] = {gone[0]: {} for gone in taken.values() if gone} | {"divisive": {}}
    plan = {
        "seeds": seeds,
        "search": {"sampler": "tpe", "trials": trials},
        "parameters": PARAMETERS,
        "factors": factors,
    }
    return write_study(folder, rows, arms, **plan)


def factorial_study(
    folder: Path, *, seeds: int = 8, noise: float = 0.0, design: Sequence[str] = ("factorial",)
) -> Path:
    """Three factors a, b, c worth 0.10, 0.20 and 0.

    A and b together give 0.06 less than the sum. The bare network has 0.5.
    """
    rng = np.random.default_rng(1)
    arms, rows = [], []
    for away in [away for size in range(4) for away in itertools.combinations("abc", size)]:
        wanted = "factorial" in design or not away or ("leave_one_out" in design and len(away) == 1)
        if not (wanted or ("add_one_in" in design and len(away) > 1)):
            continue
        name = "no_" + "+".join(away) if away else "full"
        value = (
            0.5
            + 0.10 * ("a" not in away)
            + 0.20 * ("b" not in away)
            - 0.06 * ("a" not in away and "b" not in away)
        )
        arms.append(arm(name, "ablation" if away else "reference", away))
        rows += [
            replicate(name, 1000 + k, value + 0.001 * k + noise * rng.normal())
            for k in range(seeds)
        ]
    plan = {
        "factors": {"a": {}, "b": {}, "c": {}},
        "design": list(design),
        "baseline": "full",
        "seeds": seeds,
    }
    return write_study(folder, rows, arms, **plan)


def add_insides(
    folder: Path,
    arm_name: str,
    *,
    epochs: int = 12,
    layers: Sequence[str] = ("features.0", "features.3", "head"),
) -> None:
    """diagnostics.csv and distributions.npz for the arm's first replicate.

    A distribution that splits into two modes.
    """
    rng = np.random.default_rng(2)
    trials = pd.read_csv(folder / "trials.csv", dtype={"id": "str"})
    identity = trials[(trials["arm"] == arm_name) & (trials["kind"] == "replicate")]["id"].iloc[0]
    place = folder / "trials" / identity
    place.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {"epochs": np.arange(1, epochs + 1)}
    for depth, layer in enumerate(layers):
        for epoch in range(1, epochs + 1):
            grown = epoch / epochs
            values = {
                "rate": 0.2 - 0.04 * depth + 0.05 * grown,
                "silent_fraction": 0.3 * (1 - grown),
                "I_int_std": 0.8 + 0.1 * depth * grown,
            }
            values |= {
                "grad_norm/W_EE": 0.3 * 0.5**depth,
                "grad_norm/W_EI": 0.4 * 0.5**depth,
                "bimodality/I_int": 0.4 + 0.3 * grown,
            }
            if arm_name != "bn":
                values |= {
                    "ei_ratio_current": 0.9 + 0.1 * grown,
                    "balance_correlation": 0.5 * grown,
                    "I_div_q50": 0.2 * (1 + depth),
                }
            lines += [
                {"epoch": epoch, "layer": layer, "quantity": key, "value": value}
                for key, value in values.items()
            ]
        for tensor in (
            ("W_EE", "W_EI", "g_I", "output") if arm_name != "bn" else ("weight", "output")
        ):
            edges = np.linspace(-3, 3, 65)
            apart = [
                np.concatenate(
                    [rng.normal(-k / epochs, 0.5, 500), rng.normal(k / epochs, 0.5, 500)]
                )
                for k in range(epochs)
            ]
            arrays[f"edges/{layer}/{tensor}"] = edges
            arrays[f"counts/{layer}/{tensor}"] = np.stack(
                [np.histogram(x, edges)[0] for x in apart]
            )
    pd.DataFrame(lines).to_csv(place / "diagnostics.csv", index=False)
    np.savez_compressed(place / "distributions.npz", **arrays)
