"""Files that hold a network's weights: ours, the authors', safetensors.

Reading one never executes code.

.safetensors    tensors only; those of `export_safetensors` carry the resolved config as JSON
checkpoint.pt   of `eisnn.checkpoints.checkpoint`: weights under "model", config under "config"
.pth, .pt       a torch.save of a state dict, at the top or under one of the keys in NESTED, with or
                without "module." prefixes; the authors' ckpt-best.pth with their config
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from eisnn.checkpoints.authors import LoadReport, load_authors_state_dict
from eisnn.checkpoints.authors_names import looks_like_the_authors
from eisnn.config import authors
from eisnn.config.trial import TrialConfig, make_config, resolved
from eisnn.data.loading import shape_of
from eisnn.errors import CheckpointError, ConfigError
from eisnn.files import write_whole
from eisnn.layers.circuit import CircuitLayer
from eisnn.networks import Network, as_trial_config, build_model, with_shapes

NESTED = ("model", "state_dict", "model_state_dict", "net", "network", "weights")
PREFIX = re.compile(r"^(module\.|_orig_mod\.)+")  # of DataParallel and torch.compile


class _Inert:
    """Stands in for an object that a file wants to build: takes any arguments, does nothing."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


# The authors' checkpoints hold the state of numpy's generator, which we do not need. The functions
# that would rebuild it are replaced by `_Inert`.
INERT: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Inert, name)
    for name in (
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",
    )
]


class Weights(NamedTuple):
    """A state dict, on the CPU, and the config of the run it is from, if the file says so."""

    tensors: dict[str, Tensor]
    config: TrialConfig | None


def load_weights(path: str | Path) -> Weights:
    """Returns the state dict in a file, and its config if the file is ours or the authors'.

    Raises:
        CheckpointError: the file is missing or damaged, holds no state dict, holds more than
            tensors and plain values, or tensors that no network can use.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        tensors, config = _read_safetensors(path)
    else:
        tensors, config = _read_pickle(path)
    if not tensors:
        raise CheckpointError(f"{path}: holds no tensors")
    tensors = {PREFIX.sub("", name): value for name, value in tensors.items()}
    for name, value in tensors.items():
        problem = _why_unusable(value)
        if problem is not None:
            raise CheckpointError(f"{path}: {name} {problem}")
    if config is None:
        return Weights(tensors, None)
    return Weights(tensors, make_config(config, f"{path} (config)"))


def _why_unusable(value: Tensor) -> str | None:
    """Returns why a tensor cannot be a weight; None if it can."""
    if value.is_meta:
        return "has a shape but no numbers (it was saved on the meta device)"
    if value.layout != torch.strided:
        return "is sparse; save its .to_dense()"
    if value.is_quantized:
        return "is quantised; save its .dequantize()"
    if value.is_complex():
        return "is complex"
    if value.is_floating_point() and not value.isfinite().all():
        return "has entries that are not finite: the network had diverged when it was saved"
    return None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Any]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
            return tensors, _config_in(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is not a valid safetensors file ({_first_line(error)})"
        ) from error


def _config_in(metadata: Mapping[str, str]) -> Any:
    """Returns our config from the metadata of a safetensors file; None if there is none."""
    try:
        config = json.loads(metadata.get("config", "null"))
    except ValueError:
        return None
    ours = isinstance(config, dict) and set(config) >= {"model", "data", "train"}
    return config if ours else None


def _read_pickle(path: Path) -> tuple[dict[str, Tensor], Any]:
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # torch's remarks on pickle protocols
            torch.serialization.safe_globals(INERT),
        ):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; each means the same to the user
        raise CheckpointError(
            f"{path}: refused, since it is damaged or holds more than tensors and plain values,"
            f" which could run code when read ({_first_line(error)}). If you trust its source, save"
            " its state dict alone, preferably as .safetensors"
        ) from error
    config = _config_of(content, path)
    for _ in range(3):  # a state dict may be nested, as {"model": {"state_dict": ...}}
        if _is_state_dict(content):
            return dict(content), config
        content = next(
            (content[key] for key in NESTED if isinstance(content, Mapping) and key in content),
            None,
        )
    raise CheckpointError(
        f"{path}: no state dict found, neither at the top nor under {', '.join(NESTED)}"
    )


def _config_of(content: Any, path: Path) -> Any:
    """Returns the config in a checkpoint of ours or the authors'; None for any other."""
    if not isinstance(content, Mapping):
        return None
    config = content.get("config")
    if not isinstance(config, Mapping):
        return None
    if str(content.get("format", "")).startswith("eisnn"):
        return config
    if not authors.is_the_authors(config):
        return None
    try:
        return authors.converted(config, f"{path} (config)")
    except ConfigError:  # the user must give one of ours, as load_network then says
        return None


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _first_line(error: Exception) -> str:
    """Returns what went wrong, without torch's advice to switch its safeguard off."""
    text = str(error)
    found = [
        line.strip() for line in text.splitlines() if "Unsupported" in line or "GLOBAL" in line
    ]
    lines = found or text.strip().splitlines() or [type(error).__name__]
    return lines[0].split(" Please")[0][:300]


def put_weights(model: Network, tensors: Mapping[str, Tensor]) -> LoadReport:
    """Sets all weights of ``model`` from a state dict, ours or the authors' as its names tell.

    Entries that are negative against Dale's law are set to 0, and reported.

    Raises:
        CheckpointError: something does not fit; the message lists it. The model is left as it was.
    """
    if looks_like_the_authors(tensors):
        return load_authors_state_dict(model, tensors)
    report = LoadReport(loaded={name: name for name in tensors})
    own = model.state_dict()
    report.missing = [name for name in own if name not in tensors]
    report.unexpected = [name for name in tensors if name not in own]
    report.wrong_shape = [
        f"{name} {list(value.shape)}, but the network's is {list(own[name].shape)}"
        for name, value in tensors.items()
        if name in own and own[name].shape != value.shape
    ]
    if not report.fits:
        raise CheckpointError(
            "the weights do not fit this network; is its config the one they were trained with?\n"
            f"{report}"
        )
    tensors = dict(tensors)
    for name in _non_negative(model):
        negative = int((tensors[name] < 0).sum())
        if negative:
            report.projected[name] = negative
            tensors[name] = tensors[name].clamp_min(0)
    model.load_state_dict(tensors)
    return report


def _non_negative(model: Network) -> list[str]:
    """Returns the names of the parameters that projection keeps at or above zero."""
    found: list[str] = []
    for path, module in model.named_modules():
        if isinstance(module, CircuitLayer) and module.config.dale == "project":
            names = (name for name, _ in module.named_parameters(recurse=False))
            found += [f"{path}.{name}" for name in names if name not in module.SIGNED]
    return found


def load_network(path: str | Path, config: Any = None) -> Network:
    """Returns the network with the weights in a file.

    ``config`` (as `eisnn.build_model` takes it) is needed if the file holds none.

    Raises:
        CheckpointError: the file cannot be read; it holds no config, or one that names code, and
            none is given; or its weights do not fit the config.
    """
    weights = load_weights(path)
    if config is None and weights.config is not None and weights.config.code:
        modules = ", ".join(weights.config.code)
        raise CheckpointError(
            f"{path}: its config names code that is not ours ({modules}); if you trust it, give "
            "that config as well"
        )
    config = weights.config if config is None else config
    if config is None:
        raise CheckpointError(
            f"{path}: does not describe its network; give the config of the network as well"
        )
    config = as_trial_config(config)
    if looks_like_the_authors(weights.tensors) and config.data.name == "cifar10_dvs":
        # nine tenths of our own test split are images that these weights were trained on
        data = config.data.model_copy(update={"split": "authors"})
        config = config.model_copy(update={"data": data})
    _, shape, classes = shape_of(config.data, T=config.model.T)
    model = build_model(with_shapes(config, shape, classes))
    try:
        put_weights(model, weights.tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return model


def export_safetensors(model: Network, path: str | Path) -> None:
    """Writes the weights and buffers of ``model``, with its resolved config in the metadata."""
    tensors = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
    }
    metadata = {"format": "pt", "config": json.dumps(resolved(model.config), sort_keys=True)}
    write_whole(Path(path), save(tensors, metadata))
