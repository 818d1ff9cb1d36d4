"""Two linear layers with GELU between them."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import Packing


class StandardFeedForward(nn.Module):
    """dim -> hidden -> dim.

    Parameters
    ----------
    dim, hidden : int
        Width of a token and of the layer between.
    dropout : float
        Dropout after the activation.
    norm : callable or None
        Width -> norm after the activation.
    """

    def __init__(
        self, dim: int, hidden: int, dropout: float, norm: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.norm = nn.Identity() if norm is None else norm(hidden)
        self.down = nn.Linear(hidden, dim)
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """[N, D] -> [N, D]; rows are alike, so where they belong (`packing`) does not matter."""
        return self.down(self.dropout(self.norm(functional.gelu(self.up(x)))))
