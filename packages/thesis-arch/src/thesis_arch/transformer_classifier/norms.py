"""Norms of tokens by name."""

from torch import nn

NORMS: dict[str, type[nn.LayerNorm] | type[nn.RMSNorm]] = {
    "layernorm": nn.LayerNorm,
    "rmsnorm": nn.RMSNorm,
}
"""`norm.type` and `attention.norm` -> class of the width."""
