"""Where a run computes, and with which arithmetic."""

from __future__ import annotations

import os

import pytest
import torch

from eisnn.errors import ConfigError
from eisnn.training.device import computing, pick_device
from eisnn.training.fit import fit
from tests.eisnn.training.runs import two_epochs


def test_determinism_is_asked_of_torch_and_given_back():
    asked: list[bool] = []

    def ask(row: dict[str, float]) -> None:
        asked.append(torch.are_deterministic_algorithms_enabled())

    assert fit(two_epochs(deterministic=True, epochs=1), report=ask)["val/accuracy"] >= 0
    assert asked == [True]
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_tf32_is_asked_for_convolutions_and_products_alike_and_given_back():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    for precision in ("tf32", "float32"):
        with computing(two_epochs(precision=precision).train, torch.device("cpu")):
            assert matmul.allow_tf32 == cudnn.allow_tf32 == (precision == "tf32")
        assert (matmul.allow_tf32, cudnn.allow_tf32) == before


@pytest.mark.parametrize("name", ["meta", "tpu"])
def test_other_devices_are_refused_by_name(name):
    with pytest.raises(ConfigError, match=f"must be cpu, cuda, cuda:1, or auto, given '{name}'"):
        pick_device(name)
