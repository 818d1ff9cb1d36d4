"""A pre-norm transformer block of one kind, for encoders and decoders alike."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thesis_arch.autoencoder.config import TransformerSizes
from thesis_arch.blocks import Blocks
from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.physics.pair_blocks import spread_pairs
from thesis_arch.physics.pairwise import Pairs
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.scaled_dot_product import attend
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward


@dataclass(frozen=True)
class PairBias:
    """What is added to the logits of attention between two objects, in all blocks.

    Attributes
    ----------
    pairs : Pairs
        P of them.
    values : Tensor
        [P, heads].
    """

    pairs: Pairs
    values: Tensor

    def spread(self, blocks: Blocks) -> list[Tensor]:
        """Of each block [n, heads, length, length]; an object with itself gets 0."""
        objects = torch.arange(len(blocks.packing.index), device=self.values.device)
        matrices = spread_pairs(self.values[None], self.pairs, objects, blocks)
        return [matrix.permute(0, 3, 1, 2).contiguous() for matrix in matrices]


class Transformer(nn.Module):
    """Blocks in which the objects of an event attend to one another, and a last norm.

    Parameters
    ----------
    sizes : TransformerSizes
        Width, depth, heads, feed-forward, dropout.
    """

    def __init__(self, sizes: TransformerSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.blocks = nn.ModuleList(_Block(sizes) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(sizes.dim)

    def forward(self, x: Tensor, packing: Packing, bias: PairBias | None = None) -> Tensor:
        """Packed objects [n, D] -> [n, D]."""
        blocks = Blocks.of(packing)
        physics = () if bias is None else bias.spread(blocks)
        layout = AttentionLayout.of(blocks, self.heads, physics)
        n, x = len(x), with_spare_rows(x)
        for block in self.blocks:
            x = block(x, layout)
        return self.norm(x)[:n]


class _Block(nn.Module):
    def __init__(self, sizes: TransformerSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention_norm = nn.LayerNorm(sizes.dim)
        self.qkv = nn.Linear(sizes.dim, 3 * sizes.dim)
        self.out = nn.Linear(sizes.dim, sizes.dim)
        self.feed_forward_norm = nn.LayerNorm(sizes.dim)
        self.feed_forward = StandardFeedForward(sizes.dim, sizes.mlp_dim, sizes.dropout)
        self.dropout = ByteDropout(sizes.dropout)
        self.weights_dropout = ByteDropout(0.0)

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """[n + k, D] -> [n + k, D]; k spare rows follow the objects."""
        qkv = self.qkv(self.attention_norm(x))
        mixed = attend(qkv, layout, self.heads, self.weights_dropout)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
