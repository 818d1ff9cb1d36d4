"""One layer of the encoder."""

from functools import partial

from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention import ATTENTIONS
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.feed_forward import build_feed_forward
from thesis_arch.transformer_classifier.norms import NORMS


class EncoderBlock(nn.Module):
    """Attention and feed-forward, each added to what came in.

    With `norm.policy` pre the norm stands before each of them, with post after each sum. NormFormer
    (Shleifer et al., arXiv:2110.09456) is pre with a norm more after attention and one inside the
    feed-forward, and with a scale for each head.

    Parameters
    ----------
    config : TransformerConfig
        All options of the model.
    layer : int
        Which block it is, from 0.
    """

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        norm = partial(NORMS[config.norm.type], config.dim)
        self.post_norm = config.norm.policy == "post"
        self.attention_norm = norm()
        self.attention = ATTENTIONS[config.attention.type](config, layer)
        self.result_norm = norm() if config.norm.policy == "normformer" else None
        self.feed_forward_norm = norm()
        self.feed_forward = build_feed_forward(config, layer)
        self.dropout = ByteDropout(config.dropout)

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """[N + k, D] -> [N + k, D]; k spare rows follow the tokens."""
        packing = layout.blocks.packing
        if self.post_norm:
            x = self.attention_norm(x + self.dropout(self.attention(x, layout)))
            return self.feed_forward_norm(x + self.dropout(self.feed_forward(x, packing)))
        attended = self.attention(self.attention_norm(x), layout)
        if self.result_norm is not None:
            attended = self.result_norm(attended)
        x = x + self.dropout(attended)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x), packing))
