"""From values of pairs to what is added to the logits of each softmax."""

from torch import Tensor

from thesis_arch.blocks import Blocks
from thesis_arch.physics.pair_blocks import spread_pairs
from thesis_arch.physics.pairwise import Pairs
from thesis_arch.transformer_classifier.config import TransformerConfig


def spread_over_maps(
    values: Tensor, config: TransformerConfig, pairs: Pairs, tokens: Tensor, blocks: Blocks
) -> list[Tensor]:
    """Lay out values of pairs as attention reads them.

    Parameters
    ----------
    values : Tensor
        [1 | 2, P, 1 | branches, 1 | H], see `spread_pairs`.
    config : TransformerConfig
        Heads and branches.
    pairs, tokens, blocks : Pairs, Tensor, Blocks
        See `spread_pairs`.

    Returns
    -------
    list of Tensor
        Of each block [n, 1 | M, length, length], keys before queries; M counts all heads of the
        first branch, then those of the second.
    """
    if values.shape[2:] != (1, 1):
        values = values.expand(*values.shape[:2], config.branches, config.heads)
    matrices = spread_pairs(values.flatten(2), pairs, tokens, blocks)
    return [matrix.permute(0, 3, 1, 2).contiguous() for matrix in matrices]
