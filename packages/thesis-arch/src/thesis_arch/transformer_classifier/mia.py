"""More-interaction attention: pairwise features alone say who looks at whom (arXiv:2407.08682)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.blocks import Blocks
from thesis_arch.data_spec import DataSpec
from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import with_spare_rows
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import Observer
from thesis_arch.physics.pair_blocks import spread_pairs
from thesis_arch.physics.requirements import available_features
from thesis_arch.statistics import Standardise
from thesis_arch.transformer_classifier.attention_biases.gate import Gate
from thesis_arch.transformer_classifier.attention_biases.maps import spread_over_maps
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward
from thesis_arch.transformer_classifier.norms import NORMS
from thesis_arch.transformer_classifier.small_mlp import SmallMlp

FEATURES = ("log_kt", "z", "deltaR", "log_m2")


@dataclass(frozen=True)
class InteractionOutput:
    """What pairs of objects say to the blocks of a model.

    Attributes
    ----------
    mixing : list of Tensor
        Of each block [n, length, length, C], keys before queries: weights of each channel, which
        add up to 1 over the keys.
    bias : list of Tensor or None
        For the encoder: of each block [n, M, length, length], keys before queries; None where
        biases act nowhere.
    """

    mixing: list[Tensor]
    bias: list[Tensor] | None


class Interactions(Observer):
    """Pairwise features, embedded once for all blocks.

    The embedding of a pair of objects has C channels, each the logits of one softmax. Pairs with
    an extra token, or of an object with itself, have logits 0.

    Parameters
    ----------
    config : TransformerConfig
        `mia_blocks`, heads and branches.
    spec : DataSpec
        Without the energy, the mass of a pair is left out.
    """

    def __init__(self, config: TransformerConfig, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        channels = config.mia_blocks.interaction_dim
        self.features = available_features(FEATURES, spec, "classifier.model.mia_blocks")
        self.standardise = Standardise(len(self.features))
        self.embed = SmallMlp(len(self.features), channels, channels)
        biased = config.branches == 1 or config.attention.diff_bias_mode != "none"
        self.reduce = nn.Linear(channels, config.heads) if biased else None
        self.gate = Gate() if biased else None

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(objects.features(self.features))

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, objects: EventObjects, tokens: Tensor, blocks: Blocks) -> InteractionOutput:
        """Weights and biases; `tokens` [n] says which tokens of the sequence the objects are."""
        embedded = self.embed(self.standardise(objects.features(self.features)))
        lowest = torch.finfo(embedded.dtype).min  # not -inf: an event may be without any token
        logits = spread_pairs(embedded[None], objects.pairs, tokens, blocks, empty_keys=lowest)
        if self.config.causal_attention:
            logits = [block.masked_fill(_later_keys(block), lowest) for block in logits]
        mixing = [block.softmax(1) for block in logits]
        if self.reduce is None or self.gate is None:
            return InteractionOutput(mixing, None)
        values = self.reduce(with_spare_rows(embedded))[: len(embedded)]
        values = self.gate(values)[None, :, None]
        bias = spread_over_maps(values, self.config, objects.pairs, tokens, blocks)
        return InteractionOutput(mixing, bias)


class MiaBlock(nn.Module):
    """Mixing by interactions and feed-forward, each normed before and added after.

    Parameters
    ----------
    config : TransformerConfig
        Sizes, and dropout of `mia_blocks`.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        own = config.mia_blocks
        self.channels = own.interaction_dim
        width = self.channels * max(1, config.dim // self.channels)
        norm = NORMS[config.norm.type]
        self.mixing_norm = norm(config.dim)
        self.value = nn.Linear(config.dim, width)
        self.out = nn.Linear(width, config.dim)
        self.feed_forward_norm = norm(config.dim)
        self.feed_forward = StandardFeedForward(config.dim, config.mlp_dim, own.dropout)
        self.dropout = ByteDropout(own.dropout)

    def forward(self, x: Tensor, mixing: Sequence[Tensor], blocks: Blocks) -> Tensor:
        """[N + k, D] -> [N + k, D]; `mixing` is that of `InteractionOutput`, k rows are spare."""
        mixed = self._mix(self.value(self.mixing_norm(x)), mixing, blocks)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def _mix(self, values: Tensor, mixing: Sequence[Tensor], blocks: Blocks) -> Tensor:
        if len(blocks.slot) == 0:  # a batch without a single token
            return values
        slots = blocks.split_slots(values.index_select(0, blocks.token))
        rows = []
        for weights, slot_values in zip(mixing, slots, strict=True):
            # The sum over keys runs along the last axis but one: much faster than small products
            # of matrices, one for each event and channel.
            parts = slot_values[:, :, None].split(self.channels, dim=-1)
            mixed = torch.cat([(weights * part).sum(1) for part in parts], dim=-1)
            rows.append(mixed.flatten(0, 1))
        mixed = torch.cat(rows).index_select(0, blocks.slot)
        return functional.pad(mixed, (0, 0, 0, len(values) - len(mixed)))


def _later_keys(logits: Tensor) -> Tensor:
    """[keys, queries, 1] bool for [n, keys, queries, C], True where a key is behind its query."""
    length = logits.shape[1]
    return logits.new_ones(length, length, dtype=torch.bool).tril(-1)[..., None]
