"""Attention bias from a small MLP of pairwise features (as in ParT, arXiv:2202.03772)."""

import torch
from torch import Tensor, nn

from thesis_arch.transformer_classifier.bias_config import LorentzScalarConfig

_INITIAL_GATE = 0.1  # tanh(0) = 0 would also stop the gradient of the MLP behind it


class LorentzScalarBias(nn.Module):
    """MLP of standardised pairwise features, times a learnable gate.

    Parameters
    ----------
    config : LorentzScalarConfig
        Hidden size, gating, one bias for all heads or one each.
    n_features : int
        Number of pairwise features.
    heads : int
        Attention heads, H.
    """

    def __init__(self, config: LorentzScalarConfig, n_features: int, heads: int) -> None:
        super().__init__()
        self.out_heads = heads if config.per_head else 1
        self.mlp = nn.Sequential(
            nn.Linear(n_features, config.hidden_dim),
            nn.GELU(),
            nn.Linear(config.hidden_dim, self.out_heads),
        )
        # sigmoid(2) = 0.88: all features start nearly open
        self.feature_gates = (
            nn.Parameter(torch.full((n_features,), 2.0)) if config.sparse_gating else None
        )
        self.gate = nn.Parameter(torch.tensor(_INITIAL_GATE))

    def forward(self, features: Tensor) -> Tensor:
        """[P, n_features] of pairs -> [P, 1 | H]."""
        if self.feature_gates is not None:
            features = features * torch.sigmoid(self.feature_gates)
        return torch.tanh(self.gate) * self.mlp(features)
