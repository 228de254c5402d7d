"""The section ``model``: which network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from eisnn.config.norms import CIRCUIT_NORMS, NORMS
from eisnn.config.sections.fields import (
    Count,
    Reference,
    Section,
    Switch,
    Value,
    to_tuple,
    word_or_reference,
)
from eisnn.config.user_code import is_reference

SIZES = {
    "MLP": (2, 4, 6, 8, 12, 16),
    "VGG": (4, 5, 8, 11, 16, 19),
    "ResNet": (18, 34, 50, 101, 152),
}  # of eisnn.networks.network
INITS = ("kaiming", "spikeinit", "fluctuation", "ding", "micheli", "authors")
INITS_AT_A_RATE = ("spikeinit", "fluctuation")


class ModelConfig(Section):
    """Which network."""

    arch: Literal["MLP", "VGG", "ResNet"] = "VGG"
    """The family of networks; ResNet is SEW-ResNet."""
    layers: Count = 8
    """Number of weighted layers, e.g. 8 for VGG-8. MLP: 2, 4, 6, 8, 12, 16; VGG: 4, 5, 8, 11, 16,
    19; ResNet: 18, 34, 50, 101, 152."""
    norm: word_or_reference(*NORMS) = "ei"  # type: ignore[valid-type]
    """The kind of layer: an E-I circuit (ei, or dann: with DANN's start and gradient corrections),
    a linear map with one of the normalisations, nothing (none), or your own, as
    my_module:MyLayer."""
    T: Annotated[int, Field(ge=1, le=1_000_000)] = 4
    """Time steps; a static image is presented at every one."""
    width: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """Multiplies every hidden layer's number of cells."""
    head: Literal["light", "heavy"] = "light"
    """arch: VGG only. light: one fully connected layer; heavy: 4096-4096-classes."""
    input_shape: Annotated[tuple[Count, Count, Count], BeforeValidator(to_tuple)] | None = None
    """Channels, height and width of an image; taken from the dataset unless given."""
    classes: Annotated[int, Field(ge=2)] | None = None
    """Number of classes; taken from the dataset unless given."""
    groups: Count | None = None
    """Number of groups of norm: gn; default 1 (LayerNorm over C, H, W)."""
    init: Literal[INITS] = "kaiming"  # type: ignore[valid-type]
    """How linear maps start in networks without E-I circuits: kaiming, authors (as in the paper's
    baselines), or, with norm: none, one of the methods that need no normalisation: spikeinit,
    fluctuation, ding, micheli. See eisnn/networks/starts.py for the equations."""
    init_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Spikes per cell and time step that init: spikeinit or fluctuation starts from; default
    0.1. With fluctuation, cells themselves fire at 0.02, and deep networks need that value."""
    zero_init_residual: Switch = False
    """arch: ResNet only. Whether the last normalisation or circuit of each residual branch starts
    with a gain of 0."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the cells of fully connected hidden layers that are silenced in training, the
    same cells at every time step."""
    factory: Reference | None = None
    """Your own network, as my_module:build, in place of the families; norm is then none unless
    given."""
    options: dict[str, Value] = Field(default_factory=dict)
    """Plain values for your own network or layer; searched and overridden as
    model.options.<name>."""

    @property
    def own_layers(self) -> bool:
        """Whether the network has layers of the user's, whose operations cannot be counted."""
        return self.factory is not None or is_reference(self.norm)

    @model_validator(mode="before")
    @classmethod
    def _own_parts(cls, values: Any) -> Any:
        """Gives a network of the user's norm: none unless its norm is given, and leaves out options
        that nothing reads."""
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        if values.get("factory") is not None:
            values.setdefault("norm", "none")
        elif not is_reference(values.get("norm")):
            values.pop("options", None)
        return values

    @model_validator(mode="after")
    def _meaningful(self) -> ModelConfig:
        if self.layers not in SIZES[self.arch]:
            raise ValueError(
                f"layers: {self.arch} comes in sizes {', '.join(map(str, SIZES[self.arch]))},"
                f" given {self.layers}"
            )
        if self.head == "heavy" and self.arch != "VGG":
            raise ValueError(f"head: heavy applies only with arch: VGG, given arch: {self.arch}")
        if self.groups is not None and self.norm != "gn":
            raise ValueError(f"groups applies only with norm: gn, given norm: {self.norm}")
        if self.init != "kaiming" and self.norm in CIRCUIT_NORMS:
            raise ValueError(
                "init applies only without E-I circuits, which circuit.init starts, "
                f"given norm: {self.norm}"
            )
        if self.init_rate is not None and self.init not in INITS_AT_A_RATE:
            raise ValueError(
                f"init_rate applies only with init: {' or '.join(INITS_AT_A_RATE)}, "
                f"given init: {self.init}"
            )
        if self.zero_init_residual and self.arch != "ResNet":
            raise ValueError(
                f"zero_init_residual applies only with arch: ResNet, given arch: {self.arch}"
            )
        if self.dropout and self.arch == "ResNet":
            raise ValueError("dropout applies only with arch: MLP or VGG, given arch: ResNet")
        return self
