"""Dropout whose mask costs one random byte an element."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 256


class ByteDropout(nn.Module):
    """Dropout that draws eight mask elements from each 64-bit random number.

    `torch.nn.functional.dropout` draws elements one after the other on CPUs, which costs a
    seventh of a training step of a small transformer. Here the probability is rounded to
    1/256 (0.1 becomes 26/256; never 0 or 1) and the kept values are scaled by the rounded one, so
    that the expectation is exact. Other devices use torch's own kernel.

    Parameters
    ----------
    probability : float
        Chance of an element to be set to zero, in [0, 1).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        levels = round(probability * _LEVELS)
        self.dropped_levels = min(max(levels, 1), _LEVELS - 1) if probability else 0

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return functional.dropout(x, self.probability, self.training)
        mask = self.mask(x)
        return x if mask is None else (x * mask).to(x.dtype)

    def mask(self, x: Tensor) -> Tensor | None:
        """Factors for the elements of `x`, which is on a CPU; None where nothing is dropped.

        They are float32 also for bfloat16, in which 256 / 230 would be a third of a per cent less.
        """
        if not self.training or self.dropped_levels == 0:
            return None
        draws = torch.empty((x.numel() + 7) // 8, dtype=torch.int64)
        draws.random_(-(2**63), None)  # the full range: the default leaves the sign bit at 0
        # A byte of `dropped_levels` or more is kept. Comparing would be five times slower: torch
        # converts from bytes fast, from truth values slowly.
        levels = draws.view(torch.uint8)[: x.numel()].to(torch.float32)
        scale = _LEVELS / (_LEVELS - self.dropped_levels)
        return levels.sub_(self.dropped_levels - 1).clamp_(0, 1).mul_(scale).view(x.shape)

    def extra_repr(self) -> str:
        return f"probability={self.probability}"
