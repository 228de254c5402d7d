"""One training run, or the measurement of a saved network, from the command line.

``python -m eisnn --help`` lists the options.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
from pathlib import Path

# `python -m` puts the current folder first on the search path. A file there must not take the
# place of a library; users' code is found by `eisnn.config.user_code`.
if sys.path and Path(sys.path[0]).resolve() == Path.cwd() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

import time
from dataclasses import dataclass
from typing import Any

import click

from eisnn.config.authors import is_the_authors
from eisnn.config.trial import TrialConfig, load_config, resolved, trial_id
from eisnn.config.yaml_file import ConfigError, read_yaml, shipped
from eisnn.errors import CheckpointError, DataError, Diverged

COUNTED = 64  # test images on which --workload counts
ONLY = {  # which commands read an option
    "config": ("evaluate",),
    "export": ("evaluate",),
    "workload": ("evaluate",),
    "output": ("scratch",),
    "seed": ("scratch",),
    "log": ("scratch", "resume"),
}


@dataclass(frozen=True)
class Order:
    """A run: its config, the file that it goes on from and writes to, and its folder."""

    config: TrialConfig
    checkpoint: Path
    device: str
    log: int

    @property
    def folder(self) -> Path:
        return self.checkpoint.parent


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--scratch", metavar="CONFIG", help="Train the network that a config file describes.")
@click.option(
    "--resume",
    metavar="CHECKPOINT",
    help="Go on with an interrupted run (its checkpoint, or the folder that holds it).",
)
@click.option(
    "--evaluate",
    metavar="CHECKPOINT",
    help="Measure saved weights on the test set: ours, or the authors' .pth / .safetensors.",
)
@click.option(
    "--config",
    metavar="CONFIG",
    help="With --evaluate: the network and the data, for files that do not say.",
)
@click.option(
    "--export",
    metavar="FILE",
    help="With --evaluate: also write the weights as safetensors, their config inside.",
)
@click.option(
    "--workload",
    metavar="FILE",
    help="With --evaluate: also write NeuroBench's metrics of each layer, as CSV.",
)
@click.option(
    "--output",
    metavar="FOLDER",
    help="Where a new run goes. Default: results/single/<config name>-<trial id>.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="In place of the config's seed.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="cpu, cuda, cuda:1, or auto: a GPU if there is one.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads. Default: all cores.")
@click.option(
    "--log",
    type=click.IntRange(0, 2),
    help="1: diagnostics per layer and epoch; 2: also distributions.",
)
def command(**given: Any) -> None:
    """Train one E-I spiking network (or a baseline), or measure a saved one."""
    chosen = [name for name in ("scratch", "resume", "evaluate") if given[name] is not None]
    if len(chosen) != 1:
        raise ConfigError(
            "give one of --scratch CONFIG, --resume CHECKPOINT, --evaluate CHECKPOINT"
        )
    for option, readers in ONLY.items():
        if given[option] is not None and chosen[0] not in readers:
            raise ConfigError(
                f"--{option} has a meaning only with --{' or --'.join(readers)},"
                f" given with --{chosen[0]}"
            )
    import torch

    from eisnn.config.user_code import look_in
    from eisnn.training.allocator import keep_freed_memory

    files = [given[name] for name in ("scratch", "config") if given[name] is not None]
    look_in([Path(), *(Path(file).parent for file in files)])
    keep_freed_memory()
    if given["threads"] is not None:
        torch.set_num_threads(given["threads"])
    device, log = given["device"], given["log"] or 0
    if given["evaluate"] is not None:
        given_files = (given["config"], given["export"], given["workload"])
        measure(Path(given["evaluate"]), *given_files, device=device)
    elif given["resume"] is not None:
        train(order_to_resume(Path(given["resume"]), device, log))
    else:
        train(new_order(given["scratch"], given["output"], given["seed"], device, log))


def new_order(file: str, output: str | None, seed: int | None, device: str, log: int) -> Order:
    """The run of a config file; one that was begun in its folder goes on."""
    config = load_config(file)
    if is_the_authors(read_yaml(shipped(Path(file)))):
        say(f"{file}: a config of the paper's authors; config.yaml has it as ours")
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    default = Path("results/single") / f"{Path(file).stem}-{trial_id(config)}"
    return Order(config, Path(output or default) / "checkpoint.pt", device, log)


def order_to_resume(path: Path, device: str, log: int) -> Order:
    """The run that a checkpoint is of, which goes on in the same file.

    Raises:
        CheckpointError: there is no such file, or its config names code and no config.yaml beside
            it says that this run is the user's own.
    """
    from eisnn.checkpoints.checkpoint import load_checkpoint
    from eisnn.config.user_code import look_in

    checkpoint = path / "checkpoint.pt" if path.is_dir() else path
    try:
        config = TrialConfig.model_validate(load_checkpoint(checkpoint)["config"])
    except (KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{checkpoint}: holds no config of ours ({reason})") from None
    if config.code:
        beside = checkpoint.parent / "config.yaml"
        if not beside.exists() or trial_id(load_config(beside)) != trial_id(config):
            raise CheckpointError(
                f"{checkpoint}: its config names code that is not ours ({', '.join(config.code)});"
                f" if you trust it, put that config beside it, as {beside}"
            )
        look_in([checkpoint.parent])
    return Order(config, checkpoint, device, log)


def train(order: Order) -> None:
    """Trains in a folder (config.yaml, checkpoint.pt, diagnostics where asked for), or goes on.

    Prints each epoch. Nothing on disk changes before everything that can be refused was accepted.
    """
    import yaml

    from eisnn.config.user_code import notes
    from eisnn.diagnostics.joules import EnergyMeter
    from eisnn.files import write_whole
    from eisnn.history import History
    from eisnn.kernels.choose import path
    from eisnn.training.device import pick_device
    from eisnn.training.fit import fit

    config, folder, checkpoint = order.config, order.folder, order.checkpoint
    place = pick_device(order.device)
    tree = resolved(config)
    check_before_training(order)
    for note in notes(tree):
        say(note)
    say(f"trial {trial_id(config)}: {describe(config)} -> {folder}")
    say(f"layers: {path(config, place.type)}")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.yaml").exists():
        write_whole(folder / "config.yaml", yaml.safe_dump(tree, sort_keys=False).encode())
    history = History(folder)

    def report(metrics: dict[str, float]) -> None:
        say(epoch_line(metrics, config.train.epochs))
        history.add(metrics)

    begin = time.perf_counter()
    with EnergyMeter() as meter:
        final = fit(
            config,
            report=report,
            resume_from=checkpoint,
            checkpoint_to=checkpoint,
            test=True,
            device=order.device,
            say=say,
            **log_options(order.log, folder),
        )
    say(final_line(final, time.perf_counter() - begin))
    if meter.joules is not None:
        say(f"{meter.joules:,.0f} J taken by the processor, with all else that ran on the machine")


def check_before_training(order: Order) -> None:
    """Refuses what cannot be trained, before anything on disk is touched.

    Raises:
        ConfigError: the network does not fit the data, or the folder is of another run.
        CheckpointError: the checkpoint is damaged, or of another config.
    """
    from eisnn.checkpoints.checkpoint import load_checkpoint
    from eisnn.data.files import data_root
    from eisnn.data.loading import load_once
    from eisnn.training.run import refuse_another_config, with_data

    config, beside = order.config, order.folder / "config.yaml"
    if order.checkpoint.exists():
        saved = load_checkpoint(order.checkpoint)
        refuse_another_config(order.checkpoint, saved["config"], config)
    elif beside.exists() and trial_id(load_config(beside)) != trial_id(config):
        raise ConfigError(f"{beside}: is of another run; give another --output")
    with_data(config, load_once(config.data, data_root(config.data.root), T=config.model.T))


def epoch_line(metrics: dict[str, float], epochs: int) -> str:
    """What is printed of an epoch. Accuracies and rates are missing where there are none."""
    parts = [f"epoch {metrics['epoch']:>{len(str(epochs))}}/{epochs}"]
    parts.append(f"loss {metrics['train/loss']:.4f}")
    if "val/accuracy" in metrics:
        parts.append(f"train {metrics['train/accuracy']:6.2%}")
        parts.append(f"validation {metrics['val/accuracy']:6.2%}")
    else:
        parts.append(f"validation loss {metrics['val/loss']:.4f}")
    if "firing_rate" in metrics:
        parts.append(f"rate {metrics['firing_rate']:.3f}")
    parts.append(f"{metrics['seconds']:.2f} s")
    return "  ".join(parts)


def final_line(final: dict[str, float], seconds: float) -> str:
    """What is printed at the end of a run."""
    if "test/accuracy" in final:
        measured = (
            f"test accuracy {final['test/accuracy']:.2%} (last epoch),"
            f" {final['test/accuracy_best']:.2%}"
            f" (best validation epoch, {final['best_epoch']:.0f})"
        )
    else:
        measured = f"test loss {final['test/loss']:.4f} (last epoch)"
    return f"{measured}; {final['parameters']:,.0f} parameters; {seconds:.1f} s"


def log_options(log: int, folder: Path) -> dict[str, Any]:
    """What `fit` is told of diagnostics."""
    levels = ("off", "scalars", "distributions")
    return {"diagnose": levels[log], "diagnose_to": folder} if log else {}


def describe(config: TrialConfig) -> str:
    """A run in one line."""
    model = config.model
    net = f"{model.arch}-{model.layers}, {model.norm}" if model.factory is None else model.factory
    rest = f"{config.data.name}, {config.train.epochs} epochs, seed {config.seed}"
    return f"{net}, T = {model.T}, {rest}"


def measure(
    path: Path, config: str | None, export: str | None, workload: str | None, *, device: str
) -> None:
    """Prints the validation and test accuracy of saved weights, and exports them where asked."""
    from eisnn.checkpoints.weights import export_safetensors, load_network
    from eisnn.data.loading import load, to_device
    from eisnn.training.device import computing, pick_device
    from eisnn.training.evaluation import evaluate
    from eisnn.training.losses import build_loss
    from eisnn.training.run import with_data

    place = pick_device(device)
    for option, file in (("export", export), ("workload", workload)):
        if file is not None and not Path(file).absolute().parent.is_dir():
            raise ConfigError(f"--{option} {file}: there is no folder {Path(file).parent}")
    model = load_network(path, None if config is None else load_config(config)).to(place)
    if model.config.data.split == "authors":
        say("test set: the last 100 recordings of each class, as the authors'")
    data = load(model.config.data, T=model.T)
    with_data(model.config, data)
    dtype, loss = next(model.parameters()).dtype, build_loss(model.config)
    for name, split in (("validation", data.validation), ("test", data.test)):
        with computing(model.config.train, place):
            outcome = evaluate(model, to_device(split, place), dtype=dtype, loss=loss)
        parts = [f"loss {outcome.loss:.4f}"]
        if math.isfinite(outcome.accuracy):
            parts.insert(0, f"accuracy {outcome.accuracy:.2%}")
        if outcome.rates:
            parts.append(f"firing rate {outcome.mean_rate:.3f}")
        say(f"{name}: {', '.join(parts)}, n = {len(split)} images")
    if workload is not None:
        write_counts(model, data.test, workload, place, dtype)
    if export is not None:
        export_safetensors(model, export)
        say(f"weights and config written to {export}")


def write_counts(model: Any, test: Any, file: str, place: Any, dtype: Any) -> None:
    """Writes what an inference costs, counted on the first test images, and prints the sums."""
    from eisnn.data.loading import batches
    from eisnn.diagnostics.workload import measure_workload, write_workload

    if model.config.model.own_layers:
        raise ConfigError(f"--workload {file}: operations of your own layers cannot be counted")
    images, _ = next(batches(test, COUNTED))
    rows = measure_workload(model, images.to(place, dtype))
    write_workload(file, rows)
    whole = rows[-1]
    say(
        f"workload on {len(images)} images: {whole.effective_acs:,.0f} ACs, "
        f"{whole.effective_macs:,.0f} MACs, {whole.dense:,.0f} dense operations, activation "
        f"sparsity {whole.activation_sparsity:.3f}, {whole.memory_energy_nj:,.0f} nJ an image "
        f"with memory traffic -> {file}"
    )


def say(line: str) -> None:
    """Prints a line. A closed or full output ends no run: nothing more is printed then."""
    try:
        click.echo(line)
    except (OSError, ValueError):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)


def main() -> None:
    """Runs the command.

    Exit codes: 0 done; 1 our fault, or a run that diverged; 2 the user's input, or a state of the
    machine that the user can change; 130 interrupted (resumable).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal shows what it can
    try:
        command(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (ConfigError, DataError, CheckpointError) as error:
        complain(f"error: {error}", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"error: {where}{(error.strerror or str(error)).lower()}", 2)
    except Diverged as error:
        complain(f"diverged: {error}", 1)
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted; repeat the command to go on from the last checkpoint", 130)


def complain(text: str, code: int) -> None:
    """Says why the command ends, and ends it."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
