"""Which feed-forward a block has."""

from torch import nn

from thesis_arch.mixture_of_experts import build_mixture
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.feed_forward.kan import KAN_FEED_FORWARDS
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward
from thesis_arch.transformer_classifier.norms import NORMS


def build_feed_forward(config: TransformerConfig, block: int) -> nn.Module:
    """The feed-forward of block number `block`, from 0: (x [N + k, D], packing) -> [N + k, D].

    The N tokens of the packing come first, rows that are no tokens after them. Experts come before
    KANs where both are asked for.
    """
    norm = NORMS[config.norm.type] if config.norm.policy == "normformer" else None

    def standard() -> nn.Module:
        return StandardFeedForward(config.dim, config.mlp_dim, config.dropout, norm)

    if block in expert_blocks(config):
        return build_mixture(config.dim, standard, config.moe)
    if config.ffn.type == "kan":
        return KAN_FEED_FORWARDS[config.ffn.kan.variant](config, norm)
    return standard()


def expert_blocks(config: TransformerConfig) -> range:
    """Numbers of the blocks that have experts."""
    if not config.moe.enabled or config.moe.scope == "head":
        return range(0)
    if config.moe.scope == "all_blocks":
        return range(config.depth)
    if config.depth <= 2:
        return range(0)
    number = max(1, config.depth // 3)
    first = (config.depth - number) // 2
    return range(first, first + number)
