"""IS-SNN's factors, which follow from where a layer stands; sws is tested with its kin."""

import pytest
import torch

from eisnn.layers.standardize import SPIKE_GAIN, Half, input_factor, make_map
from eisnn.networks.build import build_model
from eisnn.networks.network import Residual


def resnet(layers: int):
    return build_model(
        {
            "model": {
                "arch": "ResNet",
                "layers": layers,
                "norm": "issnn",
                "width": 0.1,
                "input_shape": [1, 8, 8],
            }
        }
    )


def variances(blocks) -> list[float]:
    """What each layer takes for the variance of its input, in units of that of spikes."""
    return [round(SPIKE_GAIN**2 / block.drive.map.factor**2, 6) for block in blocks]


def test_factors_follow_from_the_branches_that_are_summed():
    """ResNet-18 has two blocks a stage. A block adds a quarter of the spikes' variance; a stage
    that begins with a shortcut of cells begins at that of spikes again."""
    model = resnet(18)
    units = [module for module in model.modules() if isinstance(module, Residual)]
    reads = [variances(unit.branch)[0] for unit in units]
    # stage 1: stem (1), + 1/4; stage 2 reads 1 + 2/4, then 1 + 1/4; the others 1 + 2/4, 1 + 1/4
    assert reads == [1, 1.25, 1.5, 1.25, 1.5, 1.25, 1.5, 1.25]
    assert [variances(unit.branch)[1] for unit in units] == [1] * 8
    shortcuts = [variances([unit.shortcut])[0] for unit in units if unit.shortcut is not None]
    assert shortcuts == [1.5, 1.5, 1.5]
    assert all(isinstance(unit.scale, Half) for unit in units)


def test_the_first_layer_reads_images():
    assert next(resnet(18).blocks()).drive.map.factor == 1
    assert input_factor("issnn", first=False, added=0) == pytest.approx(2.8467, abs=1e-4)


def test_a_branch_counts_half():
    assert torch.equal(Half()(torch.tensor([0.0, 1.0])), torch.tensor([0.0, 0.5]))


def test_issnn_is_sws_without_gains():
    layer = make_map("issnn", 16, 8, None, 1, 0, first=False)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert "gain" not in layer.state_dict()
    rows = layer(torch.eye(16)).T - layer.bias[:, None]
    torch.testing.assert_close(rows.mean(1), torch.zeros(8), rtol=0, atol=1e-6)
    expected = torch.full((8,), 15 / 16 / 0.1234)
    torch.testing.assert_close(rows.square().sum(1), expected, rtol=1e-2, atol=0)
