"""What a model adds to its training loss beside the task: penalties of its parts."""

from abc import abstractmethod

import torch
from torch import Tensor, nn


class Penalised(nn.Module):
    """A module that may want a penalty in the training loss."""

    @abstractmethod
    def take_penalty(self) -> Tensor | None:
        """Weighted penalty, a scalar, or None. One of a forward pass is given away once."""


def auxiliary_loss(model: nn.Module) -> Tensor | None:
    """Sum of the penalties of a model after a training forward pass.

    Returns
    -------
    Tensor or None
        A scalar to add to the loss of the batch; None where the model has no penalty.
    """
    parts = [module for module in model.modules() if isinstance(module, Penalised)]
    penalties = [penalty for part in parts if (penalty := part.take_penalty()) is not None]
    return torch.stack(penalties).sum() if penalties else None
