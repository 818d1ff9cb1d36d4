"""A learned vector for each position."""

import torch
from torch import nn

_INITIAL_STD = 0.02  # small, so that order matters only where it helps


class LearnedTable(nn.Module):
    """All of it is learned.

    Parameters
    ----------
    n_positions, width : int
        Size of the table.
    """

    def __init__(self, n_positions: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(_INITIAL_STD * torch.randn(n_positions, width))
