"""Which backend computes a layer, or the reason why none does."""

import os
import subprocess
import sys

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import choose


def test_what_the_kernel_does_not_do_is_named():
    spiking = CircuitConfig(inhibitory_cells="spiking")
    off = CircuitConfig.model_validate({"prop": {"straight_through": False}})
    assert "learnable_tau" in (
        choose.why_unsupported(CircuitConfig(), NeuronConfig(learnable_tau=True)) or ""
    )
    assert "spiking" in (choose.why_unsupported(spiking, NeuronConfig()) or "")
    assert "straight_through" in (choose.why_unsupported(off, NeuronConfig()) or "")


def test_kernels_can_be_switched_off():
    code = (
        "from eisnn.config.trial import CircuitConfig, NeuronConfig; from eisnn.kernels import"
        " choose;print(choose.choose(CircuitConfig(), NeuronConfig(), 'cpu').reason)"
    )
    environment = {**os.environ, "EISNN_KERNELS": "off"}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "EISNN_KERNELS=off"


def test_a_device_without_kernels_is_named():
    choice = choose.choose(None, NeuronConfig(), "mps")
    assert (choice.backend, str(choice)) == (None, "plain: there are no kernels for mps")
    assert not choose.is_available("mps")
