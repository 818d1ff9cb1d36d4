"""Fixed sines and cosines of the position (Vaswani et al., arXiv:1706.03762, section 3.5)."""

import torch
from torch import Tensor, nn

_LONGEST_WAVE = 10_000.0  # in units of 2 pi positions


class SinusoidalTable(nn.Module):
    """Nothing to learn.

    Parameters
    ----------
    n_positions, width : int
        Size of the table.
    """

    table: Tensor

    def __init__(self, n_positions: int, width: int) -> None:
        super().__init__()
        exponents = torch.arange(0, width, 2) / width
        angles = torch.arange(n_positions)[:, None] * _LONGEST_WAVE**-exponents
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("table", waves[:, :width], persistent=False)
