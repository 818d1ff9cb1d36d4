"""A learnable factor in front of what physics adds."""

import torch
from torch import Tensor, nn

_INITIAL_GATE = 0.1  # tanh(0) = 0 would also stop the gradient of what stands behind it


class Gate(nn.Module):
    """tanh(g) times what comes in: a small contribution first, which training opens or closes."""

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.tensor(_INITIAL_GATE))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.g) * x
