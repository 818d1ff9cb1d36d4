"""The networks that make a few numbers of objects, pairs or events into others."""

from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.kan.config import KanConfig
from thesis_arch.kan.layer import KanLinear
from thesis_arch.packing import with_spare_rows


class SmallMlp(nn.Module):
    """Two linear layers with GELU between them.

    Parameters
    ----------
    n_in, hidden_dim, n_out : int
        Sizes.
    """

    def __init__(self, n_in: int, hidden_dim: int, n_out: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(n_in, hidden_dim), nn.Linear(hidden_dim, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """[N, n_in] -> [N, n_out]."""
        return self.out(functional.gelu(self.hidden(with_spare_rows(x))))[: len(x)]


class SmallKan(nn.Module):
    """Two Kolmogorov-Arnold layers.

    Parameters
    ----------
    n_in, hidden_dim, n_out : int
        Sizes.
    config : KanConfig
        Splines.
    """

    def __init__(self, n_in: int, hidden_dim: int, n_out: int, config: KanConfig) -> None:
        super().__init__()
        self.hidden = KanLinear(n_in, hidden_dim, config)
        self.out = KanLinear(hidden_dim, n_out, config)

    def forward(self, x: Tensor) -> Tensor:
        """[N, n_in] -> [N, n_out]."""
        n = len(x)
        return self.out(self.hidden(with_spare_rows(x), n_valid=n), n_valid=n)[:n]
