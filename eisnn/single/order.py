"""The run that the command line asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eisnn.checkpoints.checkpoint import load_checkpoint
from eisnn.config.authors import is_the_authors
from eisnn.config.trial import TrialConfig, load_config, trial_id
from eisnn.config.user_code import look_in
from eisnn.config.yaml_file import read_yaml, shipped
from eisnn.errors import CheckpointError
from eisnn.single.lines import say
from eisnn.single.start import check_start, digest


@dataclass(frozen=True)
class Order:
    """A run: its config, and the checkpoint that it resumes from and writes.

    ``weights`` is the file that the run begins with, if it does not draw its weights.
    """

    config: TrialConfig
    checkpoint: Path
    device: str
    log: int
    weights: Path | None = None

    @property
    def folder(self) -> Path:
        return self.checkpoint.parent


def new_order(
    file: str,
    output: str | None,
    seed: int | None,
    device: str,
    log: int,
    weights: str | None = None,
) -> Order:
    """Returns the run of a config file, which continues what was begun in its folder."""
    config = load_config(file)
    if is_the_authors(read_yaml(shipped(Path(file)))):
        say(f"{file}: is a config of the paper's authors; config.yaml holds it in our format")
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    begun = None if weights is None else Path(weights)
    name = f"{Path(file).stem}-{trial_id(config)}"
    if begun is not None:
        name += f"-from-{digest(begun)}"
    folder = Path(output or Path("results/single") / name)
    check_start(folder, begun)
    return Order(config, folder / "checkpoint.pt", device, log, begun)


def order_to_resume(path: Path, device: str, log: int) -> Order:
    """Returns the run that a checkpoint belongs to, which continues in the same file.

    Raises:
        CheckpointError: there is no such file, or its config names code and no config.yaml of the
            same trial lies beside it.
    """
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
