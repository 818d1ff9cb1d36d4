"""Continuous features alone: what can be known without object identification."""

from torch import Tensor, nn


class RawTokenizer(nn.Module):
    """Pass the features on and ignore the ids.

    Parameters
    ----------
    n_features : int
        Normalised continuous features of an object.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.out_features = n_features

    def forward(self, features: Tensor, ids: Tensor) -> Tensor:
        """[N, F], [N] -> [N, F]."""
        return features
