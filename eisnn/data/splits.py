"""Splits of images: stratified, seeded, disjoint and of exact sizes.

All are pure functions of labels; indices ascend.
"""

from __future__ import annotations

import math

import numpy as np

from eisnn.errors import DataError


def strata(labels: np.ndarray) -> np.ndarray:
    """Returns the classes that images are stratified by, int64 [N]; all 0 if targets are floats."""
    if labels.dtype.kind == "f":
        return np.zeros(len(labels), np.int64)
    return labels


def choose(labels: np.ndarray, size: int, *, seed: int, key: str, of: str) -> np.ndarray:
    """Returns ``size`` indices into ``labels``, each class in proportion.

    ``key`` and ``of`` name the request and the set in errors.
    """
    classes = len(np.unique(labels))
    if size > len(labels):
        raise DataError(f"{key} must be at most {len(labels)}, the number of {of}, given {size}")
    if size < classes:
        raise DataError(
            f"{key} must be at least {classes}, one image of each class of {of}, given {size}"
        )
    left_out = len(labels) - size
    if left_out < classes:  # too few for a stratified split: leave out at most one image of a class
        return np.setdiff1d(np.arange(len(labels)), _one_each(labels, left_out, seed))
    return divide(labels, left_out, seed=seed, key=key, of=of)[0]


def divide(
    labels: np.ndarray, held_out: int, *, seed: int, key: str, of: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns indices of the rest and of ``held_out`` images, each class in proportion in both.

    They equal those of scikit-learn's ``train_test_split(..., stratify=labels)``, whose import
    would take over a second in every worker; a test compares the two.
    """
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    classes = len(counts)
    if held_out < classes or len(labels) - held_out < classes:
        raise DataError(
            f"{key} asks for {held_out} of {len(labels)} {of}, "
            f"leaving {len(labels) - held_out}: "
            f"both parts need at least {classes} images, one of each class"
        )
    if counts.min() < 2:
        raise DataError(f"{key}: {len(labels)} {of} cannot be split: a class has a single image")
    random = np.random.RandomState(seed)
    kept = _in_proportion(counts, len(labels) - held_out, random)
    _in_proportion(counts - kept, held_out, random)  # all of them; scikit-learn draws here too
    rest, held = [], []
    for rows, keep in zip(_rows_of_classes(inverse, counts), kept, strict=True):
        mixed = rows[random.permutation(len(rows))]
        rest.append(mixed[:keep])
        held.append(mixed[keep:])
    return np.sort(np.concatenate(rest)), np.sort(np.concatenate(held))


def _rows_of_classes(inverse: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Returns the indices of each class, ascending."""
    return np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])


def _in_proportion(counts: np.ndarray, total: int, random: np.random.RandomState) -> np.ndarray:
    """Returns how many of ``total`` come from each class, by largest remainders; ties are drawn."""
    share = counts / counts.sum() * total
    whole = np.floor(share)
    missing = int(total - whole.sum())
    remainder = share - whole
    for value in np.sort(np.unique(remainder))[::-1]:
        if missing <= 0:
            break
        tied = np.flatnonzero(remainder == value)
        chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
        whole[chosen] += 1
        missing -= len(chosen)
    return whole.astype(np.int64)


def first_and_last(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns indices of the rest and of the last ``fraction`` of each class, in the order of the
    files."""
    last = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        last[rows[math.ceil(len(rows) * (1 - fraction)) :]] = True
    return np.flatnonzero(~last), np.flatnonzero(last)


def divide_users(
    users: np.ndarray, fraction: float, *, seed: int, key: str, of: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns indices of the rest and of the samples of about ``fraction`` of the people recorded.

    Nobody is in both.
    """
    people = np.unique(users)
    held_out = max(1, round(fraction * len(people)))
    if held_out >= len(people):
        raise DataError(
            f"{key} asks for {held_out} of the {len(people)} people in {of}: "
            "at least one must remain"
        )
    held = np.isin(users, np.random.default_rng(seed).choice(people, held_out, replace=False))
    return np.flatnonzero(~held), np.flatnonzero(held)


def _one_each(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns the index of one image from each of ``count`` classes."""
    random = np.random.default_rng(seed)
    classes = random.choice(np.unique(labels), count, replace=False)
    return np.array([random.choice(np.flatnonzero(labels == c)) for c in classes], dtype=np.int64)
