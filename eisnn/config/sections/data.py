"""The section ``data``: which images, and how they are split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from eisnn.config.datasets import DATASETS
from eisnn.config.sections.fields import Count, Section, Switch, word_or_reference


class DataConfig(Section):
    """Which images, and how they are split. Validation images are always taken from the training
    set."""

    name: word_or_reference(*DATASETS) = "digits"  # type: ignore[valid-type]
    """The dataset, or your own, as my_module:load."""
    root: str | None = None
    """Where the files are; default: $EISNN_DATA, then ./data. Not part of a trial's id."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the training images held out for validation, on which all choices are made."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the split, which depends on nothing else."""
    split: Literal["seeded", "authors"] = "seeded"
    """name: cifar10_dvs only. seeded: the test set is a stratified tenth of the recordings; the
    authors' checkpoints were trained on nine tenths of it. authors: the test set is the last 100
    recordings of each class, as the paper's authors have it."""
    train_size: Count | None = None
    """Use only this many training images, stratified; validation_fraction of them are held out."""
    test_size: Count | None = None
    """Use only this many test images, stratified."""
    augment: Switch = True
    """Whether to apply the dataset's training transform, if it has one."""

    @model_validator(mode="after")
    def _meaningful(self) -> DataConfig:
        if self.split == "authors" and self.name != "cifar10_dvs":
            raise ValueError(
                f"split: authors applies only with name: cifar10_dvs, given name: {self.name}"
            )
        return self
