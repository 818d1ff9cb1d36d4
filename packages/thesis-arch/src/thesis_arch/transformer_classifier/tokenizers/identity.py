"""Continuous features beside an embedding of the object id."""

import torch
from torch import Tensor, nn


class IdentityTokenizer(nn.Module):
    """Concatenate features with a learned embedding of the id.

    Parameters
    ----------
    n_features : int
        Normalised continuous features of an object.
    num_types : int
        Number of ids, padding (0) included.
    id_embed_dim : int
        Size of the embedding.
    """

    def __init__(self, n_features: int, num_types: int, id_embed_dim: int) -> None:
        super().__init__()
        self.id_embedding = nn.Embedding(num_types, id_embed_dim)
        self.out_features = n_features + id_embed_dim

    def forward(self, features: Tensor, ids: Tensor) -> Tensor:
        """[N, F], [N] -> [N, out_features]."""
        return torch.cat([features, self.id_embedding(ids)], dim=-1)
