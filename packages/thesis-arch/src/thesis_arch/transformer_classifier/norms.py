"""Norms of tokens by name."""

from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """Computed in the precision of its weights, which layer norm does by itself."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


NORMS: dict[str, type[nn.LayerNorm] | type[RMSNorm]] = {
    "layernorm": nn.LayerNorm,
    "rmsnorm": RMSNorm,
}
"""`norm.type` and `attention.norm` -> class of the width."""
