"""Feed-forwards with learned curves in the place of GELU.

Dropout stands before linear layers alone: they keep the expectation, a curve does not.
"""

from collections.abc import Callable

from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.kan.layer import KanLinear
from thesis_arch.packing import Packing
from thesis_arch.transformer_classifier.config import TransformerConfig

Norm = Callable[[int], nn.Module] | None


class HybridFeedForward(nn.Module):
    """Linear -> KAN."""

    def __init__(self, config: TransformerConfig, norm: Norm = None) -> None:
        super().__init__()
        self.up = nn.Linear(config.dim, config.mlp_dim)
        self.norm = nn.Identity() if norm is None else norm(config.mlp_dim)
        self.down = KanLinear(config.mlp_dim, config.dim, config.kan)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        """[N + k, D] -> [N + k, D]."""
        return self.down(self.norm(self.up(x)), len(packing.index))


class BottleneckFeedForward(nn.Module):
    """Linear -> KAN of a small width -> linear."""

    def __init__(self, config: TransformerConfig, norm: Norm = None) -> None:
        super().__init__()
        width = config.ffn.kan.bottleneck_dim or max(1, config.mlp_dim // 4)
        self.up = nn.Linear(config.dim, width)
        self.curves = KanLinear(width, width, config.kan)
        self.norm = nn.Identity() if norm is None else norm(width)
        self.dropout = ByteDropout(config.dropout)
        self.down = nn.Linear(width, config.dim)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        """[N + k, D] -> [N + k, D]."""
        curves = self.curves(self.up(x), len(packing.index))
        return self.down(self.dropout(self.norm(curves)))


class PureFeedForward(nn.Module):
    """KAN -> KAN."""

    def __init__(self, config: TransformerConfig, norm: Norm = None) -> None:
        super().__init__()
        self.up = KanLinear(config.dim, config.mlp_dim, config.kan)
        self.norm = nn.Identity() if norm is None else norm(config.mlp_dim)
        self.down = KanLinear(config.mlp_dim, config.dim, config.kan)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        """[N + k, D] -> [N + k, D]."""
        n_tokens = len(packing.index)
        return self.down(self.norm(self.up(x, n_tokens)), n_tokens)


KAN_FEED_FORWARDS: dict[str, Callable[[TransformerConfig, Norm], nn.Module]] = {
    "hybrid": HybridFeedForward,
    "bottleneck": BottleneckFeedForward,
    "pure": PureFeedForward,
}
"""`ffn.kan.variant` -> class."""
