"""Layers that treat objects one by one."""

from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import with_spare_rows
from thesis_arch.simple.mlp import ACTIVATIONS


class TokenMlp(nn.Module):
    """Linear, activation and dropout for each hidden size.

    Parameters
    ----------
    width : int
        Numbers that come in.
    hidden : tuple of int
        Sizes.
    dropout : float
        After each activation.
    activation : str
        One of `ACTIVATIONS`.
    """

    def __init__(
        self, width: int, hidden: tuple[int, ...], dropout: float, activation: str
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for size in hidden:
            layers += [nn.Linear(width, size), ACTIVATIONS[activation](), ByteDropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers)
        self.out_features = width

    def forward(self, x: Tensor) -> Tensor:
        """[N, width] -> [N, hidden[-1]]."""
        return self.layers(with_spare_rows(x))[: len(x)]
