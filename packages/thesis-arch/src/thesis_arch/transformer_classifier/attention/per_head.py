"""What happens to the result of each head before the heads are joined."""

import torch
from torch import Tensor, nn

from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.norms import NORMS


class PerHead(nn.Module):
    """A norm over the channels of each head, and NormFormer's scale of each head.

    The norm, shared by the heads, is that of differential attention (Ye et al., arXiv:2410.05258);
    the scales are those of Shleifer et al., arXiv:2110.09456. Without either nothing happens.

    Parameters
    ----------
    config : TransformerConfig
        `attention.norm`, `norm.policy`, `heads`.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        name = config.attention.norm
        self.norm = None if name == "none" else NORMS[name](config.head_dim)
        scales = nn.Parameter(torch.ones(config.heads))
        self.scales = scales if config.norm.policy == "normformer" else None

    def forward(self, mixed: Tensor) -> Tensor:
        """[N, H * d] -> [N, H * d]."""
        if self.norm is None and self.scales is None:
            return mixed
        by_head = mixed.unflatten(-1, (self.heads, -1))
        if self.norm is not None:
            by_head = self.norm(by_head)
        if self.scales is not None:
            by_head = by_head * self.scales[:, None]
        return by_head.flatten(1)
