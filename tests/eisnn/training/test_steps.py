"""One training step, by hand."""

import pytest
import torch
from torch import nn

from eisnn.config.sections.data import DataConfig
from eisnn.training.losses import CROSS_ENTROPY
from eisnn.training.steps import Step


def test_a_step_moves_the_weights_and_counts_what_was_right():
    """Two images and two classes, all weights 0: both classes get the probability 1/2."""
    net = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(net.weight)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    step = Step(net, optimizer, CROSS_ENTROPY, DataConfig(name="digits"), torch.float32)
    x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    loss, right = step(x, y, torch.Generator()).tolist()
    assert loss == pytest.approx(2 * torch.tensor(2.0).log().item())  # of both images
    assert right == 1  # of two equal logits the first is taken
    # dL/dW = mean of (p - label) x^T
    assert net.weight.tolist() == [[0.25, -0.25], [-0.25, 0.25]]


def test_a_rate_holds_for_every_group():
    groups = [{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    step = Step(nn.Identity(), optimizer, CROSS_ENTROPY, DataConfig(), torch.float32)
    step.set_rate(0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
