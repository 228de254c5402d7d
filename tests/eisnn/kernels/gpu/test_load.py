"""The Triton backend where there is a GPU, and where there is none."""

from __future__ import annotations

import pytest
import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import choose
from eisnn.kernels.gpu import load


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_readable_path_says_so():
    choice = choose.choose(CircuitConfig(), NeuronConfig(), "cuda")
    assert str(choice) in ("plain: the Triton kernels need a GPU", "plain: EISNN_KERNELS=off")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_the_kernels_agree_with_the_readable_path():
    assert load.why_unavailable() is None


def test_kernels_that_are_switched_off_are_not_loaded(monkeypatch):
    monkeypatch.setenv("EISNN_KERNELS", "off")
    assert load.why_unavailable.__wrapped__() == "EISNN_KERNELS=off"
