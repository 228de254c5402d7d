"""The records that the driver, its workers and the store exchange, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class State(StrEnum):
    """How far a trial is, or how it ended."""

    PLANNED = "planned"
    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether the trial has ended for good."""
        return self not in (State.PLANNED, State.RUNNING, State.INTERRUPTED)

    @property
    def is_open(self) -> bool:
        """Whether the trial was begun and has not ended."""
        return self in (State.RUNNING, State.INTERRUPTED)

    @property
    def is_unwell(self) -> bool:
        """Whether the trial ended without a result, and not because the pruner stopped it."""
        return self in (State.DIVERGED, State.OUT_OF_MEMORY, State.FAILED)

    @property
    def is_chance(self) -> bool:
        """Whether the trial counts as chance level, since its own network made it fail."""
        return self in (State.DIVERGED, State.OUT_OF_MEMORY)


class Kind(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    REPLICATE = "replicate"


class Key(NamedTuple):
    """Names a row of trials.csv."""

    arm: str
    kind: str
    repeat: int
    number: int
    seed_index: int = 0  # of a search trial, where search.seeds trains each configuration often


@dataclass(frozen=True)
class Role:
    """A trial's place in a study: search trial or replicate number n of an arm and a repeat."""

    arm: str
    kind: Kind
    number: int
    repeat: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed_index: int = 0

    @property
    def key(self) -> Key:
        return Key(self.arm, self.kind, self.repeat, self.number, self.seed_index)

    @property
    def label(self) -> str:
        """The number as people read it: 3, and 3.1 for the second seed of a configuration."""
        return f"{self.number}.{self.seed_index}" if self.seed_index else f"{self.number}"

    @property
    def title(self) -> str:
        """The trial as people read it: "bn search 3", and "bn search 3 of repeat 1"."""
        title = f"{self.arm} {self.kind} {self.label}"
        return f"{title} of repeat {self.repeat}" if self.repeat else title

    def to_json(self) -> dict[str, Any]:
        record = {**asdict(self), "parameters": dict(self.parameters)}
        if not self.seed_index:
            del record["seed_index"]
        return record

    @classmethod
    def from_json(cls, record: Any) -> Role:
        """Reads a role; those of older studies have no repeat.

        Raises:
            ValueError: the record is damaged.
        """
        given = _mapping(record, {"arm": str, "kind": str, "number": int, "parameters": dict})
        repeat, index = given.get("repeat", 0), given.get("seed_index", 0)
        for name, value in (("repeat", repeat), ("seed_index", index)):
            if not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, given {value!r}")
        kind = Kind(given["kind"])
        return cls(given["arm"], kind, given["number"], repeat, given["parameters"], index)


@dataclass(frozen=True)
class Outcome:
    """A trial's ``state.json``: how far it is, or how it ended, with what it measured."""

    id: str
    state: State
    seed: int = 0
    reason: str | None = None
    cause: str | None = None  # of an end without a result, in one word
    test: bool = False  # measured on test data too
    roles: tuple[Role, ...] = ()
    alone: bool = False  # nothing else ran beside it
    epochs: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    started: str | None = None
    finished: str | None = None
    retries: int = 0
    environment: str | None = None  # the key of an entry of environment.json
    damaged: tuple[str, ...] = ()  # files that were set aside
    again: bool = False  # a fault of the surroundings: the next run tries the trial again
    path: str | None = None  # which path the network's layers took
    threads: int | None = None  # of the CPU; the last bits of results depend on them
    tail: str | None = None  # of the traceback

    @property
    def length(self) -> str:
        return "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"

    def to_json(self) -> dict[str, Any]:
        record = {name: getattr(self, name) for name in self.__dataclass_fields__}
        roles = [role.to_json() for role in self.roles]
        return {**record, "metrics": dict(self.metrics), "roles": roles}

    @classmethod
    def from_json(cls, record: Any) -> Outcome:
        """Reads an outcome, without the fields that it does not know.

        Raises:
            ValueError: the record is damaged.
        """
        required = {"id": str, "state": str, "epochs": int, "metrics": dict, "roles": list}
        given = _mapping(record, {**required, "retries": int, "started": str | None})
        if given["state"] not in list(State):
            known = ", ".join(State)
            raise ValueError(f"a trial's state must be one of {known}, given {given['state']!r}")
        if not all(isinstance(value, int | float) for value in given["metrics"].values()):
            raise ValueError("metrics must be numbers")
        known_fields = {name: given[name] for name in cls.__dataclass_fields__ if name in given}
        known_fields["state"] = State(given["state"])
        known_fields["roles"] = tuple(Role.from_json(role) for role in given["roles"])
        known_fields["damaged"] = tuple(given.get("damaged") or ())
        return cls(**known_fields)


@dataclass(frozen=True)
class Order:
    """A worker's instructions: the trial and its part of the machine. Probes need only a config."""

    id: str
    config: Mapping[str, Any]
    folder: str = ""
    role: Role | None = None  # None where no study asks for the trial: --reproduce, probes
    test: bool = False
    anew: bool = False  # train although an outcome is on disk
    alone: bool = False  # nothing else runs beside it
    diagnose: str = "off"
    metrics: Mapping[str, str] = field(default_factory=dict)  # the user's: name -> reference
    environment: str = ""
    folders: tuple[str, ...] = ()  # searched for users' own code
    code: str | None = None  # identifies the code that the worker must have; None: no check
    cpu: float = 1.0
    gpu: float = 0.0
    memory_gb: float | None = None
    context_mb: float = 0.0  # of the GPU's part, taken by CUDA itself

    def to_json(self) -> dict[str, Any]:
        record = {name: getattr(self, name) for name in self.__dataclass_fields__}
        role = self.role.to_json() if self.role else None
        return {**record, "role": role, "config": dict(self.config), "metrics": dict(self.metrics)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Order:
        role = Role.from_json(record["role"]) if record.get("role") else None
        return cls(**{**record, "role": role, "folders": tuple(record.get("folders", ()))})


def _mapping(record: Any, required: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("must be a mapping")
    for key, kind in required.items():
        if key not in record or not isinstance(record[key], kind):
            raise ValueError(f"{key} is missing or of another type")
    return record
