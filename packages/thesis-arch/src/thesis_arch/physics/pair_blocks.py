"""From pairs of objects to matrices over all tokens of a sequence."""

import torch
from torch import Tensor

from thesis_arch.blocks import Blocks
from thesis_arch.physics.pairwise import Pairs


def spread_pairs(
    values: Tensor, pairs: Pairs, tokens: Tensor, blocks: Blocks, empty_keys: float = 0.0
) -> list[Tensor]:
    """Put values of pairs where their tokens meet.

    Parameters
    ----------
    values : Tensor
        [1 | 2, P, C]: the first object of each pair looks at the second, and the other way round;
        a single one counts for both.
    pairs : Pairs
        Pairs of objects.
    tokens : Tensor
        [n] which token of the sequence each object is.
    blocks : Blocks
        The sequence.
    empty_keys : float
        What stands where a key is an empty slot.

    Returns
    -------
    list of Tensor
        Of each block [n, length, length, C], keys before queries; 0 for an object with itself and
        for tokens that are no objects.
    """
    first, second = tokens[pairs.first_object], tokens[pairs.second_object]
    places = torch.cat([blocks.pair(second, first), blocks.pair(first, second)])
    rows = values.expand(2, *values.shape[1:]).flatten(0, 1)
    flat = values.new_zeros(blocks.n_pairs, values.shape[-1])
    if empty_keys:
        flat.masked_fill_(_has_empty_key(blocks)[:, None], empty_keys)
    return blocks.split_pairs(flat.index_copy_(0, places, rows))


def _has_empty_key(blocks: Blocks) -> Tensor:
    """[n_pairs] bool."""
    empty = blocks.split_slots(~blocks.occupied)
    return torch.cat([keys[:, :, None].expand(-1, -1, keys.shape[1]).flatten() for keys in empty])
