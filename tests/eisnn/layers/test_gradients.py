"""Identities that change the gradient passing through them."""

import torch

from eisnn.layers.gradients import centre_gradient, scale_gradient


def test_a_scaled_gradient_leaves_the_value_alone():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = scale_gradient(x, 0.25)
    (y * torch.tensor([4.0, 8.0])).sum().backward()
    assert y.tolist() == [1.0, -2.0]
    assert x.grad.tolist() == [1.0, 2.0]
    assert scale_gradient(x, 1) is x


def test_a_centred_gradient_has_no_mean_over_the_cells_of_a_sample():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = centre_gradient(x)
    (y * torch.tensor([[3.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).sum().backward()
    assert torch.equal(y, x)
    assert x.grad.tolist() == [[2.0, -1.0, -1.0], [0.0, 0.0, 0.0]]
