"""A learnable factor in front of what physics adds."""

import torch
from torch import Tensor, nn

_INITIAL_GATE = 0.1  # tanh(0) = 0 would also stop the gradient of what stands behind it


class Gate(nn.Module):
    """tanh(g) times what comes in: a small contribution first, which training opens or closes.

    Parameters
    ----------
    keeps_sign : bool
        Take tanh(|g|) instead: training can't turn what repels into what attracts.
    """

    def __init__(self, keeps_sign: bool = False) -> None:
        super().__init__()
        self.keeps_sign = keeps_sign
        self.g = nn.Parameter(torch.tensor(_INITIAL_GATE))

    @property
    def value(self) -> Tensor:
        """The factor, a scalar."""
        return torch.tanh(self.g.abs() if self.keeps_sign else self.g)

    def forward(self, x: Tensor) -> Tensor:
        return self.value * x
