"""What training minimises, and what validation and test report as the loss.

    cross_entropy   CE(mean over t of O(t), y), with label smoothing
    tet             (1 - lambda) mean over t of CE(O(t), y) + lambda mean (O(t) - threshold)^2
    mse             mean (mean over t of O(t) - target)^2, the target a one-hot label or numbers

O(t) are the read-out's answers at step t. TET: Deng, Li, Zhang, Gu, *Temporal Efficient Training of
Spiking Neural Network via Gradient Re-weighting* (ICLR 2022). A loss of the user's is called with
(logits [B, ...], labels [B, ...]) and returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from eisnn.config.trial import TrialConfig
from eisnn.config.user_code import UserCodeError, blame, find, is_reference

LossFunction = Callable[[Tensor, Tensor], Tensor]
TET_LAMBDA = 0.05


@dataclass(frozen=True)
class Loss:
    """What training minimises.

    Attributes:
        of_training: (answers, labels [B]) -> scalar. The answers are logits [B, classes], or those
            of every step [T, B, classes] if ``each_step`` is set.
        of_evaluation: (logits [B, classes], labels) -> scalar, a mean over the images. It leaves
            out smoothing and regularisation, so that arms that differ in them can be compared.
    """

    of_training: LossFunction = F.cross_entropy
    of_evaluation: LossFunction = F.cross_entropy
    each_step: bool = False

    def summed(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of evaluation, summed over the images."""
        if self.of_evaluation is F.cross_entropy:
            return F.cross_entropy(logits, labels, reduction="sum")
        return self.of_evaluation(logits, labels) * len(labels)


CROSS_ENTROPY = Loss()


def build_loss(config: TrialConfig) -> Loss:
    """Returns the loss that ``train.loss`` names.

    Raises:
        UserCodeError: a loss of the user's does not exist.
    """
    train = config.train
    smoothing = train.label_smoothing

    def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)

    def tet(answers: Tensor, labels: Tensor) -> Tensor:
        steps = answers.shape[0]
        at_each_step = cross_entropy(answers.flatten(0, 1), labels.repeat(steps))
        distance = (answers - config.neuron.threshold).square().mean()
        return (1 - weight) * at_each_step + weight * distance

    if is_reference(train.loss):
        own = _own_loss(config)
        return Loss(own, own)
    if train.loss == "tet":
        weight = TET_LAMBDA if train.tet_lambda is None else train.tet_lambda
        return Loss(tet, each_step=True)
    if train.loss == "mse":
        return Loss(squared_error, squared_error)
    return Loss(cross_entropy) if smoothing else CROSS_ENTROPY


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean squared distance to one-hot labels, or to labels that are numbers."""
    if is_class(labels):
        target = F.one_hot(labels, logits.shape[-1]).to(logits.dtype)
    else:
        target = labels.to(logits.dtype).view_as(logits)
    return (logits - target).square().mean()


def is_class(labels: Tensor) -> bool:
    """Whether labels are classes rather than numbers."""
    return not labels.is_floating_point()


def correct_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns for how many images the largest logit is the label's; 0 if labels are not classes."""
    if not is_class(labels):
        return torch.zeros((), dtype=torch.int64, device=labels.device)
    return (logits.argmax(1) == labels).sum()


def _own_loss(config: TrialConfig) -> LossFunction:
    reference, options = config.train.loss, config.train.loss_options
    function = find(reference, "train.loss")

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        with blame(f"train.loss: {reference}:"):
            value = function(logits, labels, **options)
        if not isinstance(value, Tensor) or value.dim() != 0:
            given = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UserCodeError(
                f"train.loss: {reference}: must return a tensor without dimensions, given {given}"
            )
        return value

    return loss
