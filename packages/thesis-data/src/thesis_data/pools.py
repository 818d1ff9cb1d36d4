"""In which order blocks of a file are read: the arithmetic of shuffling what is too large to hold.

Blocks from everywhere in the file make a pool that fits into memory; the events of a pool are
shuffled, and batches are cut from one pool after the other. A file may well be sorted by process,
so a pool takes one block from each stretch of the file: it is then a fair sample of the whole.
"""

import math

import numpy as np

from thesis_data.random import keyed_seed


def deal_blocks(
    n_blocks: int, n_pools: int, n_ranks: int, *, seed: int, epoch: int
) -> list[list[np.ndarray]]:
    """Blocks of each pool of each rank, [rank][pool] -> ascending block numbers.

    Each block is dealt once. Of every `n_pools * n_ranks` neighbours in the file, each pool of
    each rank gets one; the rest at the end goes round the ranks.
    """
    rng = np.random.default_rng(keyed_seed(seed, "blocks", epoch))
    n_hands = n_pools * n_ranks
    rounds = rng.permuted(np.tile(np.arange(n_hands), (n_blocks // n_hands, 1)), axis=1)
    n_left = n_blocks % n_hands
    turns = rng.permutation(n_left)
    pools, first = rng.permutation(n_pools), rng.integers(n_ranks)
    left = pools[turns // n_ranks] * n_ranks + (first + turns) % n_ranks
    hands = np.concatenate([rounds.ravel(), left])
    by_hand = np.argsort(hands, kind="stable")
    ends = np.bincount(hands, minlength=n_hands).cumsum()
    dealt = np.split(by_hand, ends[:-1])
    return [dealt[rank::n_ranks] for rank in range(n_ranks)]


def equal_cuts(n_events: int, n_steps: int) -> np.ndarray:
    """Where to cut a sequence of events into batches that differ by one at most ([n_steps + 1])."""
    return np.arange(n_steps + 1) * n_events // max(n_steps, 1)


def count_steps(n_events: int, batch_size: int) -> int:
    """Batches of an epoch."""
    return math.ceil(n_events / batch_size)


def ordered_cuts(n_events: int, batch_size: int, shard: tuple[int, int]) -> list[int]:
    """Where to cut a rank's part of a split that is gone through in order.

    The part of rank r of W is positions [N r / W, N (r + 1) / W); a batch is a W-th of
    `batch_size`.
    """
    rank, n_ranks = shard
    start, stop = n_events * rank // n_ranks, n_events * (rank + 1) // n_ranks
    return [*range(start, stop, math.ceil(batch_size / n_ranks)), stop]
