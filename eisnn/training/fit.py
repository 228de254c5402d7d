"""fit(): one training run, from a config to its final metrics. THE loop; it reads downward.

Random numbers derive from (seed, purpose, epoch), so that on the CPU a run resumed from its last
checkpoint equals an uninterrupted one bit for bit. The number of threads must be the same, since it
decides in which order the gradients of convolutions' weights are summed.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from torch import Tensor

from eisnn.config.code_digests import verify
from eisnn.config.conditions import Condition
from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.user_code import blame, references
from eisnn.data.batches import Split, batch_count, batches, shuffled, to_device
from eisnn.data.files import data_root
from eisnn.data.loading import load_once
from eisnn.diagnostics.break_even import break_even_rate
from eisnn.diagnostics.energy import count_operations
from eisnn.errors import Diverged
from eisnn.metrics import seconds_per_epoch
from eisnn.networks import initialize
from eisnn.seeding import derive
from eisnn.training.conditions import accuracy_under, check_conditions, conditions_among
from eisnn.training.device import computing, pick_device
from eisnn.training.evaluation import Evaluation, chance_check, check_alive, evaluate
from eisnn.training.memory import MemoryMeter
from eisnn.training.observer import observer
from eisnn.training.own_metrics import OwnMetric, build_metrics, check_metrics
from eisnn.training.run import Checkpoints, Metrics, Run, best_epoch

PROBE = 256  # validation images on which operations are counted
START_IMAGES = 128  # on which layers start that train on single images; batch_size's default


def fit(
    config: TrialConfig,
    *,
    report: Callable[[Metrics], None] | None = None,
    resume_from: str | Path | None = None,
    checkpoint_to: str | Path | None = None,
    test: bool = False,
    device: str = "auto",
    images_on_device: float | None = None,
    diagnose: str = "off",
    diagnose_to: str | Path | None = None,
    metrics: Mapping[str, str] | None = None,
    say: Callable[[str], None] | None = None,
) -> Metrics:
    """Trains the network that ``config`` describes, and measures it.

    Args:
        report: called after every epoch with its metrics; on resuming, first for every epoch
            already done. Keys: epoch (from 1), train/loss, train/accuracy, val/loss, val/accuracy,
            learning_rate, firing_rate, seconds, and val/NAME for each of ``metrics``. Accuracies
            are missing if labels are not classes.
        resume_from: continue from this checkpoint if the file exists.
        checkpoint_to: file that is replaced atomically after the first epoch and the last, between
            them at most every ten seconds, and before an exception of ``report`` is passed on.
        test: whether to measure the test set, once, at the end.
        device: "cpu", "cuda", "cuda:1", or "auto": a GPU if there is one.
        images_on_device: bytes that the images of a split may take there; a larger split is
            streamed, batch by batch. None: no limit.
        diagnose: "scalars" writes diagnostics.csv (see `eisnn.diagnostics.scalars`) to the folder
            ``diagnose_to``, with epoch 0 for the initialised network (see `observer` for which
            epochs); "distributions" also writes distributions.npz (see
            `eisnn.diagnostics.distributions`); "my_module:function" also writes what that function
            measures. Training is not affected.
        metrics: name -> top5_accuracy, or the user's own as my_module:my_metric, measured on
            validation and test data; or a changed test condition such as noise_0.3, measured on
            test data (see `eisnn.training.conditions`).
        say: called with lines that tell the user how the run computes.

    Returns:
        The last epoch's metrics and val/accuracy_best, best_epoch, parameters, seconds_per_epoch,
        peak_memory_mb; macs, acs, energy_nj (per image), rate_to_break_even (see
        `eisnn.diagnostics.break_even`) where all layers are ours; with ``test``
        also test/accuracy, test/loss, test/NAME (last weights), and test/accuracy_best,
        test/NAME_best (weights of the best validation epoch). Accuracies are fractions.

    Raises:
        Diverged, DataError, CheckpointError: see `eisnn.errors`.
        UserCodeError: see `eisnn.config.user_code`.
    """
    verify(resolved(config))
    own = build_metrics(metrics or {})
    conditions = conditions_among(metrics or {})
    place = pick_device(device)
    with computing(config.train, place):
        memory = MemoryMeter(place)
        data = load_once(config.data, data_root(config.data.root), T=config.model.T)
        train, validation = (
            to_device(split, place, budget=images_on_device)
            for split in (data.train, data.validation)
        )
        check_metrics(metrics or {}, data.test.labels)
        check_conditions(conditions, config, data.test)
        run = Run(config, data, place, keep_best=test)
        if resume_from is not None and Path(resume_from).exists():
            run.restore(Path(resume_from))
            if report is not None:
                for metrics_of_epoch in run.history:
                    report(metrics_of_epoch)
        else:
            with explained(config):
                initialize(
                    run.model, first_batch(run, train), seed=derive(config.seed, "initialize")
                )
        if say is not None:
            for line in remarks(config, len(train)):
                say(line)

        check_chance = chance_check(config.train, len(validation.labels), data.classes)
        observe = observer(run, train, diagnose, diagnose_to)
        checkpoints = Checkpoints(run, checkpoint_to)
        began = run.epoch
        if run.epoch == 0:
            observe(0)
        while run.epoch < config.train.epochs:
            start = time.perf_counter()
            with explained(config):
                loss, accuracy = train_epoch(run, train)
                measured = evaluate(
                    run.model, validation, dtype=run.dtype, loss=run.loss, metrics=own
                )
            check_alive(run.epoch + 1, loss, measured)
            check_chance(run.epoch + 1, measured.accuracy)
            run.record(
                {
                    "epoch": run.epoch + 1,
                    "train/loss": loss,
                    **accuracy_of("train", accuracy, measured),
                    "val/loss": measured.loss,
                    **accuracy_of("val", measured.accuracy, measured),
                    "learning_rate": run.optimizer.param_groups[0]["lr"],
                    **rate_of(measured),
                    "seconds": time.perf_counter() - start,
                    **{f"val/{name}": value for name, value in measured.own.items()},
                }
            )
            # Diagnostics come before the checkpoint, so that no epoch misses them after a resume.
            observe(run.epoch)
            if say is not None and run.epoch == began + 1 and place.type == "cuda":
                say(f"steps: {run.epochs.described()}")
            checkpoints.save_if_due()
            try:
                if report is not None:
                    report(run.history[-1])
            except BaseException:
                checkpoints.save()
                raise

        test_split = None
        if test:
            test_split = to_device(data.test, place, budget=images_on_device)
        final = final_metrics(run, validation, test_split, own, conditions)
        return {**final, "peak_memory_mb": memory.peak_mb()}


def train_epoch(run: Run, split: Split) -> tuple[float, float]:
    """Trains one epoch; returns its mean loss and accuracy."""
    return run.train(split)


def accuracy_of(split: str, accuracy: float, measured: Evaluation) -> Metrics:
    """Returns the accuracy under its key; nothing if labels are not classes."""
    if math.isnan(measured.accuracy):
        return {}
    return {f"{split}/accuracy": accuracy}


def rate_of(measured: Evaluation) -> Metrics:
    """Returns the firing rate under its key; nothing if no spikes can be seen."""
    if math.isnan(measured.mean_rate):
        return {}
    return {"firing_rate": measured.mean_rate}


def remarks(config: TrialConfig, images: int) -> list[str]:
    """Returns what a user should know about an epoch's batches and about options without effect."""
    said = []
    if config.train.compile:
        said.append("train.compile: has no effect any more; the network runs without torch.compile")
    batch_size = config.train.batch_size
    last = images - (batch_count(images, batch_size) - 1) * batch_size
    if last > batch_size:
        said.append(
            f"batches: the last of an epoch has {last} images, as a single one would be left"
        )
    return said


@contextlib.contextmanager
def explained(config: TrialConfig) -> Iterator[None]:
    """Names the cause if users' code, or batch normalisation of single images, makes training fail.

    Raises:
        UserCodeError: a run with users' code raised an error or called sys.exit.
        Diverged: batch normalisation met a single value for each cell. Less its mean that is 0 for
            every image, so that such a network is dead, which torch refuses to compute.
    """
    named = ", ".join(f"{key}: {word}" for key, word in references(resolved(config)).items())
    try:
        with blame(f"{named}: training") if named else contextlib.nullcontext():
            yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise Diverged(
            f"train.batch_size: must be at least 2 with model.norm: {config.model.norm} in"
            f" {config.model.arch}, which needs the variance over a batch, given 1"
        ) from error


def first_batch(run: Run, train: Split) -> Tensor:
    """Returns the first training batch, without augmentation, to initialise the layers on.

    E-I Init needs the variance over images, which a single image does not have, so networks that
    train on single images start on the first `START_IMAGES`.
    """
    order = shuffled(len(train.labels), seed=run.config.seed, epoch=0, device=train.labels.device)
    size = run.config.train.batch_size
    x, _ = next(batches(train, size if size > 1 else START_IMAGES, order=order))
    return x.to(run.dtype)


def final_metrics(
    run: Run,
    validation: Split,
    test: Split | None,
    own: Mapping[str, OwnMetric] = {},
    conditions: Mapping[str, Condition] = {},
) -> Metrics:
    """Returns the last epoch's metrics, the best epoch, the costs, and the test set's metrics if
    ``test`` is given."""
    history = run.history
    best = best_epoch(history)
    costs: Metrics = {"parameters": sum(parameter.numel() for parameter in run.model.parameters())}
    if not run.config.model.own_layers:
        probe, _ = next(batches(validation, PROBE))
        operations = count_operations(run.model, probe.to(run.dtype))
        costs |= {"macs": operations.macs, "acs": operations.acs, "energy_nj": operations.energy_nj}
        if run.model.T > 1 and "firing_rate" in history[-1]:
            rate = history[-1]["firing_rate"]
            costs["rate_to_break_even"] = rate / break_even_rate(run.model.T)
    final: Metrics = {
        **history[-1],
        **best_of(history[best - 1]),
        "best_epoch": best,
        **costs,
        "seconds_per_epoch": seconds_per_epoch(metrics["seconds"] for metrics in history),
    }
    if test is None:
        return final

    def measure() -> Evaluation:
        measured = evaluate(run.model, test, dtype=run.dtype, loss=run.loss, metrics=own)
        changed = {
            name: accuracy_under(condition, run.model, test, dtype=run.dtype)
            for name, condition in conditions.items()
        }
        return measured._replace(own={**measured.own, **changed})

    last = at_best = measure()
    if best != len(history) and run.best is not None:
        run.model.load_state_dict(run.best)
        at_best = measure()
    return {
        **final,
        **accuracy_of("test", last.accuracy, last),
        "test/loss": last.loss,
        **{
            f"{key}_best": value
            for key, value in accuracy_of("test", at_best.accuracy, last).items()
        },
        **{f"test/{name}": value for name, value in last.own.items()},
        **{f"test/{name}_best": value for name, value in at_best.own.items()},
    }


def best_of(metrics: Metrics) -> Metrics:
    """Returns the validation accuracy of the best epoch, if labels are classes."""
    if "val/accuracy" not in metrics:
        return {}
    return {"val/accuracy_best": metrics["val/accuracy"]}
