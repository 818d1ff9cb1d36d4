"""What every encoder sees of an object: normalised momenta beside a learned vector of its id."""

import torch
from torch import Tensor, nn

from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.object_ids import LearnedIds


class ObjectTokens(nn.Module):
    """Momenta and ids side by side.

    Parameters
    ----------
    features : EventFeatures
        What objects look like.
    id_embed_dim : int
        Size of the vector of an id.
    """

    def __init__(self, features: EventFeatures, id_embed_dim: int) -> None:
        super().__init__()
        self.ids = LearnedIds(features.n_ids + 1, id_embed_dim)
        self.out_features = features.n_momenta + id_embed_dim

    def forward(self, momenta: Tensor, ids: Tensor) -> Tensor:
        """[n, K] and [n] -> [n, out_features]."""
        return torch.cat([momenta, self.ids(ids)], dim=-1)
