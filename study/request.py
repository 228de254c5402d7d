"""What a command line asks for: a study file or a study's folder, and the changes to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eisnn.config.user_code import look_in
from eisnn.config.yaml_file import parse_yaml, read_text, shipped
from eisnn.errors import ConfigError
from study import store, user_code
from study.plan import Plan, make_plan, own_code
from study.spec.reading import make_spec


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    ``text`` is the study file as given; ``bases`` are config texts kept from an earlier run.
    """

    text: str
    where: str
    sets: dict[str, Any] = field(default_factory=dict)
    smoke: bool = False
    name: str | None = None
    results: Path = Path("results")
    folder: Path | None = None
    bases: dict[str, str] | None = None
    folders: tuple[str, ...] = ()  # where users' own code is looked for

    def plan(self) -> Plan:
        """Makes the plan, and tries the users' own code that it names."""
        look_in(self.folders)
        plan = self._plan()
        own_code.check(plan, self.where)
        return replace(plan, folders=self.folders)

    def _plan(self) -> Plan:
        tree = parse_yaml(self.text, self.where)
        sets = dict(self.sets)
        if self.name is not None:
            sets["name"] = self.name
        spec = make_spec(tree, self.where, sets)
        plan = make_plan(spec, self.where, self.bases)
        if not self.smoke:
            return plan
        return make_plan(make_spec(smaller(plan, tree), self.where), self.where, self.bases)


def from_file(path: Path, **options: Any) -> Request:
    path = shipped(path)
    text = read_text(path, "a study file")
    return Request(text, str(path), folders=_folders(Path(), path.parent), **options)


def from_folder(folder: Path, sets: Mapping[str, Any]) -> Request:
    """Reads what the earlier command asked for from the study's folder, for ``--resume``."""
    command = store.read_json(folder / "command.json")
    if command is None or not (folder / "study.yaml").exists():
        raise ConfigError(
            f"{folder}: is not a study's folder (study.yaml or command.json cannot be read); "
            "use --space instead"
        )
    if not intact(folder):
        raise ConfigError(
            f"{folder / 'study.yaml'}: was damaged or edited since the last run wrote it; "
            "give --space with the study file that you mean, and the command says what differs"
        )
    request = from_file(folder / "study.yaml")
    copies = folder / user_code.FOLDER  # of users' code, in case the originals are gone
    return replace(
        request,
        sets={**command["sets"], **sets},
        smoke=command["smoke"],
        name=command["name"],
        folder=folder,
        bases=command["bases"],
        folders=_folders(Path(), *command.get("folders", ()), copies),
    )


def _folders(*folders: str | Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(Path(folder).absolute()) for folder in folders))


def intact(folder: Path) -> bool:
    """Returns whether study.yaml is as a run wrote it.

    command.json holds the digests of the last two runs, since it is written before study.yaml.
    """
    command = store.read_json(folder / "command.json") or {}
    digest = digest_of(folder / "study.yaml")
    return digest is None or digest in command.get("digests", [digest])


def digest_of(path: Path) -> str | None:
    """Returns the file's SHA-256; None if there is no such file."""
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def smaller(plan: Plan, tree: dict[str, Any]) -> dict[str, Any]:
    """Returns the study of ``--smoke``: two epochs, search trials and seeds, and few images.

    It has another name, and so another folder.
    """
    spec = plan.spec
    overrides = {**spec.overrides, "train.epochs": 2, "data.train_size": 256, "data.test_size": 128}
    overrides.update({"train.warmup_epochs": None, "train.warmup_fraction": None})
    tree = {**tree, "name": f"{spec.name}_smoke", "overrides": overrides}
    few = {"seeds": min(2, spec.replicate.seeds), "most": None, "until": None}
    tree["replicate"] = {**spec.replicate.model_dump(), **few}
    if spec.search is not None:
        pruner = spec.search.pruner.model_copy(update={"grace_epochs": 1, "startup_trials": 1})
        tree["search"] = {
            **(tree.get("search") or {}),
            "trials": min(2, spec.search.trials),
            "repeats": min(2, spec.search.repeats),
            "most": None,
            "until": None,
            "pruner": {**pruner.model_dump(), "reduction_factor": 2},
        }
    return tree
