"""The Triton kernels equal the readable path in float64, under Triton's interpreter, and compile
for every GPU without spills.

The interpreter is chosen when triton is first imported, so that each program here is a process of
its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from eisnn.config.trial import CircuitConfig, NeuronConfig
from eisnn.kernels import choose
from eisnn.kernels.gpu import load

pytest.importorskip("triton", reason="triton comes with torch on Linux")
pytestmark = pytest.mark.timeout(900)  # interpreted kernels are slow on a busy machine
ROOT = Path(__file__).parents[3]
KERNELS = ("extremes", "forward", "cells", "weights", "finish", "currents")


def lines(program: str, *arguments: str) -> list[dict[str, Any]]:
    """What a program of this folder prints, a JSON object for each line."""
    folder = Path(__file__).parent
    path = os.pathsep.join([str(ROOT), str(folder)])
    out = subprocess.run(
        [sys.executable, "-W", "ignore", str(folder / program), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


def test_spikes_and_gradients_equal_the_readable_path():
    results = lines("triton_cases.py")
    assert len(results) == 38
    for result in results:
        assert result["flipped"] == 0, result["case"]
        assert 0.05 < result["rate"] < 1.5, result["case"]  # a test of silence would show nothing
        assert max(result["gradients"]) < 1e-12, result["case"]


def test_whole_networks_equal_the_readable_path():
    results = lines("triton_networks.py")
    assert len(results) == 5
    for result in results:
        assert result["apart"] < 1e-11, result["case"]


@pytest.mark.parametrize(
    "case", ["model_ei_mlp4", pytest.param("model_ei_vgg8", marks=pytest.mark.slow)]
)
def test_whole_networks_meet_the_authors_numbers(case):
    (result,) = lines("triton_networks.py", case)
    assert result["apart"] < 1e-7


def test_wrong_arguments_are_named_and_empty_batches_answered():
    results = lines("triton_refusals.py")
    assert {line["wrong"] for line in results} >= {"T", "W_EI", "g_I", "g_E", "b_E", "residual"}
    for line in results:
        assert f"circuit_spikes: {line['wrong']}" in line["message"]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_compiles_for_every_gpu_without_spills(kernel):
    """Every option that changes the machine code is tried on one architecture, the default on
    all."""
    from tests.eisnn.kernels.offline import ARCHITECTURES, KERNELS, POOLED, VARIANTS, usage

    pooled = POOLED if kernel == "forward" else {}
    found = [usage(kernel, architecture, **pooled) for architecture in ARCHITECTURES]
    for changed in VARIANTS:
        if set(changed) & set(KERNELS[kernel].arg_names):
            given = changed if changed.get("POOL") is False else {**pooled, **changed}
            found.append(usage(kernel, 90, **given))
    assert not [str(one) for one in found if one.stack]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_readable_path_says_so():
    choice = choose.choose(CircuitConfig(), NeuronConfig(), "cuda")
    assert str(choice) in ("plain: the Triton kernels need a GPU", "plain: EISNN_KERNELS=off")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_the_kernels_agree_with_the_readable_path():
    assert load.why_unavailable() is None
