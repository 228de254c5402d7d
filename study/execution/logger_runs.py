"""What Tune's logger callbacks read of a trial.

Tune's own trials have no telling name, and their folder is deleted. The callbacks get a `Run`
instead, named by arm, kind and number, with the resolved config, in a folder below
results/<study>/logs/<logger>/.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.agenda.job import Job


@dataclass(eq=False)
class Run:
    """What Tune's callbacks read of a trial."""

    trial_id: str
    name: str  # arm/kind/number
    local_path: str
    config: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def evaluated_params(self) -> dict[str, Any]:
        return self.config

    def init_local_path(self) -> None:
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def empty(self) -> None:
        shutil.rmtree(self.local_path, ignore_errors=True)
        self.init_local_path()


def run_of(job: Job, study: str, folder: Path) -> Run:
    role = {"study": study, "arm": job.arm, "kind": job.kind, "number": job.number, "trial": job.id}
    label = job.label
    if job.role.repeat:  # the first repeat's runs have the names that they had without repeats
        label += f"-repeat-{job.role.repeat}"
    place = folder / job.arm / f"{job.kind}-{label}"
    return Run(
        job.id,
        f"{job.arm}/{job.kind}/{label}",
        str(place.absolute()),
        {**role, **flat(job.config)},
    )


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Returns a config as dotted paths, with lists as text, since not every logger takes lists."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{above}{key}."))
        elif isinstance(value, bool | int | float | str):
            found[above + key] = value
        else:
            found[above + key] = json.dumps(value)
    return found
