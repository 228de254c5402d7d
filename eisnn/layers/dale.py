"""Dale's law on a weight: from the raw parameter to the effective value, and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def effective(raw: Tensor, dale: str) -> Tensor:
    """Returns the weight that the network uses for a raw parameter: abs, softplus or exp of it, or
    the parameter itself with ``project`` and ``none``.

    Weight decay acts on the raw parameter, so with softplus and exp it pulls weights towards log 2
    and 1 instead of 0.
    """
    if dale == "abs":
        return raw.abs()
    if dale == "softplus":
        return F.softplus(raw)
    if dale == "exp":
        return raw.exp()
    return raw


def raw_for(weight: Tensor, dale: str) -> Tensor:
    """Returns the raw parameter whose `effective` value is ``weight`` >= 0.

    With softplus and exp the value is at least 1e-8.
    """
    if dale == "softplus":
        w = weight.clamp_min(1e-8)
        return w + torch.log(-torch.expm1(-w))
    if dale == "exp":
        return weight.clamp_min(1e-8).log()
    return weight
