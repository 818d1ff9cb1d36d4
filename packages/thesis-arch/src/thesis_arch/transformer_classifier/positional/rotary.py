"""Rotary positions (Su et al., arXiv:2104.09864): queries and keys turn with their place.

Their product then depends on the difference of two places alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rotation:
    """Angles of the tokens of a batch.

    Attributes
    ----------
    cos, sin : Tensor
        [N, d / 2].
    """

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, positions: Tensor, channels: int, base: float) -> "Rotation":
        """Channels i and i + d / 2 turn by position x base^(-2 i / d) (rad).

        Parameters
        ----------
        positions : Tensor
            [N] places of the tokens.
        channels : int
            Channels d of a query, an even number.
        base : float
            `rotary.base`.
        """
        exponents = torch.arange(0, channels, 2, device=positions.device) / channels
        angles = positions[:, None] * base**-exponents
        return cls(angles.cos(), angles.sin())

    def __call__(self, x: Tensor) -> Tensor:
        """[N, ..., d] -> [N, ..., d]."""
        of_heads = (slice(None), *[None] * (x.ndim - 2))
        cos, sin = self.cos[of_heads], self.sin[of_heads]
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
