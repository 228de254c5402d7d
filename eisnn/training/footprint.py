"""What a trial takes of a device: the peak memory of its rehearsed first steps, and how busy they
keep a GPU."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace

import torch

from eisnn.config.trial import TrialConfig
from eisnn.data.batches import Split, to_device
from eisnn.data.loading import Dataset, load
from eisnn.networks.initialization import initialize
from eisnn.seeding import derive
from eisnn.training.busyness import Busyness, busyness
from eisnn.training.device import computing, pick_device
from eisnn.training.evaluation import evaluate, images_at_once
from eisnn.training.fit import first_batch
from eisnn.training.memory import MemoryMeter, total_mb
from eisnn.training.observer import observer
from eisnn.training.run import Run

# The optimiser's buffers exist from the second step on. On a GPU the step is captured after three,
# and a graph has memory of its own.
STEPS = {"cpu": 3, "cuda": 20}


@dataclass(frozen=True)
class Reading:
    """Memory in MB. ``outside`` is the part of the peak outside of torch's allocator, such as
    CUDA's context and libraries."""

    peak: float
    outside: float
    total: float
    busy: Busyness = Busyness()  # noqa: RUF009 - frozen


def rehearse(config: TrialConfig, device: str = "auto", diagnose: str = "off") -> Reading:
    """Rehearses a trial; returns its peak memory, and how busy the steps keep a GPU.

    Initialises, trains STEPS batches, keeps the best weights, evaluates a batch and takes
    diagnostics as `eisnn.fit` would, with the images on the device. Meant for a process, and a GPU,
    of its own.

    Raises:
        torch.OutOfMemoryError, MemoryError: the device is too small.
        DataError, Diverged: see `eisnn.fit`.
    """
    place = pick_device(device)
    memory = MemoryMeter(place)
    data = load(config.data, T=config.model.T)
    train, validation = to_device(data.train, place), to_device(data.validation, place)
    few = first(train, STEPS[place.type] * config.train.batch_size)
    with computing(config.train, place):
        run = _run(config, data, few, validation, diagnose, place)
        if place.type != "cuda":
            return Reading(memory.peak_mb(), 0.0, total_mb(place))
        reading = _read(place)
        return replace(reading, busy=busyness(lambda: run.train(few), place))


def _read(place: torch.device) -> Reading:
    torch.cuda.synchronize(place)
    free, total = torch.cuda.mem_get_info(place)
    # Other users of the GPU count too: their memory is not ours to give away.
    outside = total - free - torch.cuda.memory_reserved(place)
    peak = torch.cuda.max_memory_reserved(place) + outside
    return Reading(peak / 2**20, outside / 2**20, total / 2**20)


def _run(
    config: TrialConfig,
    data: Dataset,
    train: Split,
    validation: Split,
    diagnose: str,
    place: torch.device,
) -> Run:
    run = Run(config, data, place, keep_best=True)
    initialize(run.model, first_batch(run, train), seed=derive(config.seed, "initialize"))
    with tempfile.TemporaryDirectory() as folder:
        observer(run, train, diagnose, folder)(0)
    run.train(train)
    kept = {name: value.clone() for name, value in run.model.state_dict().items()}
    evaluate(
        run.model,
        first(validation, images_at_once(run.model, place)),
        dtype=run.dtype,
        loss=run.loss,
    )
    del kept
    return run


def first(split: Split, count: int) -> Split:
    """Returns the split's first images, without a copy."""
    labels = split.labels[:count]
    if split.rows is None:
        rows = torch.arange(len(labels), device=split.stored.device)
    else:
        rows = split.rows[:count]
    return replace(split, labels=labels, rows=rows)
