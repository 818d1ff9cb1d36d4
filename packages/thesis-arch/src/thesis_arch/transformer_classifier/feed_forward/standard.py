"""Two linear layers with GELU between them."""

from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.dropout import ByteDropout


class StandardFeedForward(nn.Module):
    """dim -> hidden -> dim.

    Parameters
    ----------
    dim, hidden : int
        Width of a token and of the layer between.
    dropout : float
        Dropout after the activation.
    """

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[N, D] -> [N, D]."""
        return self.down(self.dropout(functional.gelu(self.up(x))))
