"""The complete description of one training run: frozen, validated, hashable.

A `TrialConfig` is a tree of sections (``model``, ``circuit``, ``neuron``, ``data``, ``train``; see
`eisnn.config.sections`) and a ``seed``. Study files search and override its options by dotted
paths, such as ``circuit.init.gain``.

This module does not import torch, so that a study's driver can read configs without loading it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from eisnn.config import authors
from eisnn.config.code_digests import digests
from eisnn.config.messages import explain, model_in
from eisnn.config.norms import CIRCUIT_NORMS
from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.data import DataConfig
from eisnn.config.sections.fields import Section
from eisnn.config.sections.model import ModelConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.sections.train import TrainConfig, is_read
from eisnn.config.user_code import UserCodeError, is_reference
from eisnn.config.yaml_file import read_yaml, shipped

NUMERICS_VERSION = 2  # raised by any change that alters a trained number; part of every trial's id


class TrialConfig(Section):
    """One training run. ``circuit`` is None for networks without E-I circuits, even if it was
    given."""

    model: ModelConfig = ModelConfig()
    circuit: CircuitConfig | None = CircuitConfig()
    neuron: NeuronConfig = NeuronConfig()
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random except the split. A study sets it itself."""
    code: dict[str, str] = Field(default_factory=dict)
    """Written by the program: a digest of the source of each module of yours that the run uses."""

    @model_validator(mode="before")
    @classmethod
    def _circuit_where_there_is_one(cls, values: Any) -> Any:
        """Leaves out the ``circuit`` section that an ablation which overrides ``model.norm`` has
        from its base."""
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        model = values.get("model", {})
        if isinstance(model, Mapping):
            norm = model.get("norm", "ei" if model.get("factory") is None else "none")
        else:
            norm = getattr(model, "norm", "ei")
        if norm not in CIRCUIT_NORMS:
            values["circuit"] = None
        elif values.get("circuit") is None:
            values["circuit"] = {}
        if norm == "dann":
            values["circuit"] = _dann(values["circuit"])
        return values


def _dann(circuit: Any) -> Any:
    """Returns the circuit of DANN (Cornford et al. 2021): ours with DANN's init and corrections."""
    tree = _as_dict(circuit)
    if not isinstance(tree, dict):
        return tree
    for section, key in (("init", "scheme"), ("prop", "corrections")):
        inside = _as_dict(tree.get(section, {}))
        if isinstance(inside, dict):
            # Complete configs write out the default, ei, and an arm that overrides norm keeps it.
            if inside.get(key, "ei") not in ("ei", "dann"):
                raise ValueError(
                    f"circuit.{section}.{key}: {inside[key]} contradicts model.norm: dann, which "
                    "is DANN's start and corrections; leave it out, or use norm: ei"
                )
            tree[section] = {**inside, key: "dann"}
    return tree


def _as_dict(value: Any) -> Any:
    """Returns a section or mapping as a new dict; anything else as it is, for validation to
    refuse."""
    if isinstance(value, Section):
        return value.model_dump()
    return dict(value) if isinstance(value, Mapping) else value


def make_config(tree: Mapping[str, Any], where: str = "config") -> TrialConfig:
    """Validates a tree of plain values.

    Raises:
        ConfigError: one line per problem, each beginning with ``where`` (usually the file).
        UserCodeError: a module that the config names does not exist.
    """
    try:
        config = TrialConfig.model_validate(tree)
    except ValidationError as error:
        raise explain(error, TrialConfig, where) from None
    if config.code:
        return config
    try:
        return config.model_copy(update={"code": digests(config.model_dump())})
    except UserCodeError as error:
        raise UserCodeError(f"{where}: {error}") from None


def load_config(path: str | Path) -> TrialConfig:
    """Returns the config in a YAML file, complete by itself.

    A config of ours, such as configs/EI-SNN/Digits-MLP8.yaml, is found from any folder. A relative
    ``data.root`` is looked for in the file's folder, then in the current one.

    Raises:
        ConfigError: the file cannot be read or is not a valid config.
    """
    path = shipped(Path(path))
    tree = read_yaml(path)
    if authors.is_the_authors(tree):
        tree = authors.converted(tree, str(path))
    config = make_config(tree, str(path))
    root = resolved_root(config.data.root, path.parent)
    return config.model_copy(update={"data": config.data.model_copy(update={"root": root})})


def resolved_root(root: str | None, folder: Path) -> str | None:
    """Returns ``data.root`` as an absolute path: in ``folder`` if it exists there, else in the
    current folder."""
    if root is None:
        return None
    given = Path(root).expanduser()
    beside = (folder / given).absolute()
    return str(beside if beside.exists() else given.absolute())


# Options that were added after studies had been run. Each is left out of the resolved config while
# it has its default, so that the trials of those studies keep their ids.
ADDED_LATER = (
    "model.factory",
    "model.options",
    "circuit.prop.centre_gradients",
    "data.split",
    "model.init",
    "model.init_rate",
    "model.zero_init_residual",
    "model.dropout",
    "neuron.dampening",
    "neuron.reset_value",
    "neuron.input_decay",
    "neuron.adaptive",
    "train.optimizer",
    "train.beta1",
    "train.beta2",
    "train.eps",
    "train.optimizer_options",
    "train.loss",
    "train.label_smoothing",
    "train.tet_lambda",
    "train.loss_options",
    "train.deterministic",
    "train.stop_at_chance",
    "code",
)


def resolved(config: TrialConfig) -> dict[str, Any]:
    """Returns the config as plain values, every default written out, as in a trial's config.yaml.

    Options of `ADDED_LATER` are there only if they differ from their defaults.
    """
    tree = config.model_dump(mode="json")
    for path in ADDED_LATER:
        *sections, key = path.split(".")
        section: Any = tree
        home: Any = config
        for name in sections:
            section, home = section and section[name], getattr(home, name, None)
        if section is None or home is None:
            continue
        default = type(home).model_fields[key].get_default(call_default_factory=True)
        if getattr(home, key) == default:
            del section[key]
    return tree


def has_part(tree: Mapping[str, Any], path: str) -> bool:
    """Whether a run with this resolved config reads the option at a dotted ``path``.

    Only networks with circuits read ``circuit.init.gain``; only Adam reads ``train.beta1``.
    """
    if path == "model.options" or path.startswith("model.options."):
        return "factory" in tree["model"] or is_reference(tree["model"]["norm"])
    section, _, rest = path.partition(".")
    if section == "train":
        key = rest.partition(".")[0]
        return key in TrainConfig.model_fields and is_read(key, tree["train"])
    if path in ADDED_LATER:
        return tree.get(section) is not None
    for part in path.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def value_at(tree: Mapping[str, Any], path: str) -> Any:
    """Returns the value of an option that `has_part` found, even if left out at its default."""
    found: Any = tree
    home: Any = TrialConfig
    for part in path.split("."):
        field = getattr(home, "model_fields", {}).get(part)
        if part not in found:
            return None if field is None else field.get_default(call_default_factory=True)
        found = found[part]
        home = None if field is None else model_in(field.annotation)
    return found


def trial_id(config: TrialConfig) -> str:
    """Returns twelve hex digits that name this run: the hash of the resolved config and the version
    of the numerics.

    The data's place does not count: the same config is the same trial on any machine.
    """
    tree = resolved(config)
    del tree["data"]["root"]
    text = json.dumps({"numerics": NUMERICS_VERSION, "config": tree}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
