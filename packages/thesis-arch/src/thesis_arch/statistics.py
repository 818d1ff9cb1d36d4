"""Mean and standard deviation of training values, kept in the model that uses them."""

import torch
from torch import Tensor, nn

_SMALLEST_STD = 1e-6  # in units of 1 + |mean|: below it there is rounding and no spread


class Standardise(nn.Module):
    """Subtract the training mean and divide by the training standard deviation.

    Statistics are gathered with `observe` and set with `finish`; they are buffers, so a
    checkpoint carries them. Before `finish` the module changes nothing.

    Parameters
    ----------
    n_features : int
        Size of the last axis.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("std", torch.ones(n_features))
        self._count = 0
        self._sum = torch.zeros(n_features, dtype=torch.float64)
        self._squares = torch.zeros(n_features, dtype=torch.float64)

    def observe(self, values: Tensor) -> None:
        """Add valid training values [N, F] to the statistics."""
        values = values.detach().to("cpu", torch.float64)
        self._count += len(values)
        self._sum += values.sum(0)
        self._squares += values.square().sum(0)

    def finish(self) -> None:
        """Set mean and standard deviation from all that was observed."""
        if self._count == 0:
            raise ValueError("no valid training value to take statistics of")
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp_min(0.0)
        std = variance.sqrt()
        # A feature that never changes stays at zero instead of being blown up.
        std = torch.where(std < _SMALLEST_STD * (1 + mean.abs()), torch.ones_like(std), std)
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.std
