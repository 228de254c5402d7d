"""One training run, or the measurement of a saved network, from the command line: ``python -m eisnn --help``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from eisnn.config.authors import is_the_authors
from eisnn.config.trial import ConfigError, TrialConfig, load_config, resolved, trial_id
from eisnn.config.yaml_file import read_yaml, shipped
from eisnn.errors import CheckpointError, DataError, Diverged


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--scratch", metavar="CONFIG", help="Train the network that a config file describes.")
@click.option(
    "--resume",
    metavar="CHECKPOINT",
    help="Go on with an interrupted run (its checkpoint.pt, or the folder that holds it).",
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
    "--output",
    metavar="FOLDER",
    help="Where a new run goes. Default: results/single/<config name>-<trial id>.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="In place of the config's seed.")
@click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, or auto: a GPU if there is one."
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads. Default: all cores.")
@click.option(
    "--log",
    type=click.IntRange(0, 2),
    default=0,
    help="1: diagnostics per layer and epoch; 2: also distributions.",
)
def command(
    scratch: str | None, resume: str | None, evaluate: str | None, config: str | None, export: str | None, output: str | None,
    seed: int | None, device: str, threads: int | None, log: int,
) -> None:  # fmt: skip
    """Train one E-I spiking network (or a baseline), or measure a saved one."""
    if sum(option is not None for option in (scratch, resume, evaluate)) != 1:
        raise ConfigError(
            "give one of --scratch CONFIG, --resume CHECKPOINT, --evaluate CHECKPOINT"
        )
    import torch

    from eisnn.config.user_code import look_in
    from eisnn.training.allocator import keep_freed_memory

    look_in([Path(), *(Path(given).parent for given in (scratch, config) if given)])
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    if evaluate is not None:
        measure(Path(evaluate), config, device, export)
    elif resume is not None:
        folder = Path(resume) if Path(resume).is_dir() else Path(resume).parent
        train(load_config(folder / "config.yaml"), folder, device, log)
    elif scratch is not None:
        chosen = load_config(scratch)
        if is_the_authors(read_yaml(shipped(Path(scratch)))):
            click.echo(f"{scratch}: a config of the paper's authors; config.yaml has it as ours")
        if seed is not None:
            chosen = chosen.model_copy(update={"seed": seed})
        folder = (
            Path(output)
            if output
            else Path("results/single") / f"{Path(scratch).stem}-{trial_id(chosen)}"
        )
        train(chosen, folder, device, log)


def train(config: TrialConfig, folder: Path, device: str, log: int) -> None:
    """Trains into ``folder`` (config.yaml, checkpoint.pt, and diagnostics where asked for), or goes on there, and prints each epoch."""
    import yaml

    from eisnn.checkpoints.checkpoint import write_atomically
    from eisnn.config.user_code import notes
    from eisnn.kernels.choose import path
    from eisnn.training.fit import fit, pick_device

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / "config.yaml", yaml.safe_dump(resolved(config), sort_keys=False).encode()
    )
    checkpoint = folder / "checkpoint.pt"
    for note in notes(resolved(config)):
        click.echo(note)
    click.echo(f"trial {trial_id(config)}: {describe(config)} -> {folder}")
    click.echo(f"layers: {path(config, pick_device(device).type)}")
    begin = time.perf_counter()

    def report(metrics: dict[str, float]) -> None:
        click.echo(
            f"epoch {metrics['epoch']:>{len(str(config.train.epochs))}}/{config.train.epochs}"
            f"  loss {metrics['train/loss']:.4f}  train {metrics['train/accuracy']:6.2%}  validation {metrics['val/accuracy']:6.2%}"
            + (f"  rate {metrics['firing_rate']:.3f}" if "firing_rate" in metrics else "")
            + f"  {metrics['seconds']:.2f} s"
        )

    final = fit(
        config,
        report=report,
        resume_from=checkpoint,
        checkpoint_to=checkpoint,
        test=True,
        device=device,
        **log_options(log, folder),
    )
    click.echo(
        f"test accuracy {final['test/accuracy']:.2%} (last epoch), {final['test/accuracy_best']:.2%} (best validation epoch,"
        f" {final['best_epoch']:.0f}); {final['parameters']:,.0f} parameters; {time.perf_counter() - begin:.1f} s"
    )


def log_options(log: int, folder: Path) -> dict[str, Any]:
    return (
        {"diagnose": ("off", "scalars", "distributions")[log], "diagnose_to": folder} if log else {}
    )


def describe(config: TrialConfig) -> str:
    model = config.model
    net = f"{model.arch}-{model.layers}, {model.norm}" if model.factory is None else model.factory
    return f"{net}, T = {model.T}, {config.data.name}, {config.train.epochs} epochs, seed {config.seed}"


def measure(path: Path, config: str | None, device: str, export: str | None) -> None:
    """Prints the validation and test accuracy of saved weights, and exports them where asked."""
    from eisnn.checkpoints.weights import export_safetensors, load_network
    from eisnn.data.loading import load, to_device
    from eisnn.training.evaluation import evaluate
    from eisnn.training.fit import pick_device

    place = pick_device(device)
    model = load_network(path, None if config is None else load_config(config)).to(place)
    if model.config.data.split == "authors":
        click.echo("test set: the last 100 recordings of each class, as the authors'")
    data = load(model.config.data, T=model.T)
    for name, split in (("validation", data.validation), ("test", data.test)):
        outcome = evaluate(model, to_device(split, place), dtype=next(model.parameters()).dtype)
        rate = f" firing rate {outcome.mean_rate:.3f}," if outcome.rates else ""
        click.echo(
            f"{name}: accuracy {outcome.accuracy:.2%}, loss {outcome.loss:.4f},{rate} n = {len(split)} images"
        )
    if export is not None:
        export_safetensors(model, export)
        click.echo(f"weights and config written to {export}")


def main() -> None:
    """Exit codes: 0 done; 1 our fault, or a run that diverged; 2 the user's input; 130 interrupted (resumable)."""
    try:
        sys.exit(command(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (ConfigError, DataError, CheckpointError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except Diverged as error:
        click.echo(f"diverged: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; repeat the command to go on from the last epoch", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
