"""The Triton kernels equal the readable path in float64, under Triton's interpreter."""

from __future__ import annotations

import pytest

from tests.eisnn.kernels.gpu.programs import lines

pytest.importorskip("triton", reason="triton comes with torch on Linux")
pytestmark = pytest.mark.timeout(900)  # interpreted kernels are slow on a busy machine


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
