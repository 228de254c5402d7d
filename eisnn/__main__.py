"""One training run, or the measurement of a saved network, from the command line.

``python -m eisnn --help`` lists the options.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

# `python -m` puts the current folder first on the search path. A file there must not take the
# place of a library; users' code is found by `eisnn.config.user_code`.
if sys.path and Path(sys.path[0]).resolve() == Path.cwd() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from typing import Any

import click

from eisnn.errors import CheckpointError, ConfigError, DataError, Diverged

ONLY = {  # which commands read an option
    "config": ("evaluate",),
    "export": ("evaluate",),
    "workload": ("evaluate",),
    "weights": ("scratch",),
    "output": ("scratch",),
    "seed": ("scratch",),
    "log": ("scratch", "resume"),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--scratch", metavar="CONFIG", help="Train the network that a config file describes.")
@click.option(
    "--resume",
    metavar="CHECKPOINT",
    help="Continue an interrupted run (its checkpoint, or the folder that holds it).",
)
@click.option(
    "--evaluate",
    metavar="CHECKPOINT",
    help="Measure saved weights on the test set: ours, or the authors' .pth / .safetensors.",
)
@click.option(
    "--config",
    metavar="CONFIG",
    help="With --evaluate: the config of the network and its data, for files that hold none.",
)
@click.option(
    "--export",
    metavar="FILE",
    help="With --evaluate: also write the weights as safetensors, with their config inside.",
)
@click.option(
    "--workload",
    metavar="FILE",
    help="With --evaluate: also write NeuroBench's metrics of each layer, as CSV.",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="With --scratch: begin with saved weights, ours or the authors', instead of drawing them.",
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
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads. Default: all cores.")
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
                f"--{option} applies only with --{' or --'.join(readers)}, given with --{chosen[0]}"
            )
    import torch

    from eisnn.config.user_code import look_in
    from eisnn.training.allocator import keep_freed_memory

    files = [given[name] for name in ("scratch", "config") if given[name] is not None]
    look_in([Path(), *(Path(file).parent for file in files)])
    keep_freed_memory()
    if given["threads"] is not None:
        torch.set_num_threads(given["threads"])
    run(given)


def run(given: dict[str, Any]) -> None:
    """Does what the chosen option asks for. Imports here what loads torch."""
    from eisnn.single.measure import measure
    from eisnn.single.order import new_order, order_to_resume
    from eisnn.single.train import train

    device, log = given["device"], given["log"] or 0
    if given["evaluate"] is not None:
        given_files = (given["config"], given["export"], given["workload"])
        measure(Path(given["evaluate"]), *given_files, device=device)
    elif given["resume"] is not None:
        train(order_to_resume(Path(given["resume"]), device, log))
    else:
        output, seed, weights = given["output"], given["seed"], given["weights"]
        train(new_order(given["scratch"], output, seed, device, log, weights))


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
        complain("interrupted; repeat the command to continue from the last checkpoint", 130)


def complain(text: str, code: int) -> None:
    """Says why the command ends, and ends it."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
