"""The lines that ``python -m eisnn`` prints."""

from __future__ import annotations

import os

import click

from eisnn.config.trial import TrialConfig


def say(line: str) -> None:
    """Prints a line. If the output is closed or full, the run goes on and prints nothing more."""
    try:
        click.echo(line)
    except (OSError, ValueError):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)


def epoch_line(metrics: dict[str, float], epochs: int) -> str:
    """Returns the line of one epoch. Leaves out accuracies and rates that were not measured."""
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
    """Returns the last line of a run."""
    if "test/accuracy" in final:
        measured = (
            f"test accuracy {final['test/accuracy']:.2%} (last epoch),"
            f" {final['test/accuracy_best']:.2%}"
            f" (best validation epoch, {final['best_epoch']:.0f})"
        )
    else:
        measured = f"test loss {final['test/loss']:.4f} (last epoch)"
    return f"{measured}; {final['parameters']:,.0f} parameters; {seconds:.1f} s"


def describe(config: TrialConfig) -> str:
    """Describes a run in one line."""
    model = config.model
    net = model.factory or f"{model.arch}-{model.layers}, {model.norm}"
    rest = f"{config.data.name}, {config.train.epochs} epochs, seed {config.seed}"
    return f"{net}, T = {model.T}, {rest}"
