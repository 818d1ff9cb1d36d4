"""One layer of the encoder."""

from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention import ATTENTIONS
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward


class EncoderBlock(nn.Module):
    """Attention and feed-forward, each normed before and added after (pre-norm).

    Parameters
    ----------
    config : TransformerConfig
        Sizes and dropout.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.dim)
        attention = ATTENTIONS[config.attention.type]
        self.attention = attention(config.dim, config.heads, config.attention.dropout)
        self.feed_forward_norm = nn.LayerNorm(config.dim)
        self.feed_forward = StandardFeedForward(config.dim, config.mlp_dim, config.dropout)
        self.dropout = ByteDropout(config.dropout)

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """[N, D] -> [N, D]."""
        x = x + self.dropout(self.attention(self.attention_norm(x), layout))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
