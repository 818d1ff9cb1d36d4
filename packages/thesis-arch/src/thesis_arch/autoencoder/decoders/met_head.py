"""MET from the mean over what is kept of the objects of an event."""

from torch import Tensor, nn

from thesis_arch.autoencoder.token_mlp import TokenMlp
from thesis_arch.packing import Packing
from thesis_arch.transformer_classifier.pooling import mean_pooling


class MetHead(nn.Module):
    """Hidden layers over the mean.

    No encoder sees MET: what is reconstructed is what the objects recoil against.

    Parameters
    ----------
    width : int
        Numbers that are kept of an object.
    hidden : tuple of int
        Layers.
    """

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = TokenMlp(width, hidden, dropout=0.0, activation="gelu")
        self.out = nn.Linear(hidden[-1], 3)

    def forward(self, vectors: Tensor, packing: Packing) -> Tensor:
        """[n, width] -> [B, 3], float32."""
        return self.out(self.layers(mean_pooling(vectors, packing))).float()
