"""Random numbers that depend on nothing but their key.

A draw keyed by (seed, epoch, step) is the same whether the run came there in one go or was
resumed, and whatever else drew numbers in between.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def keyed_seed(seed: int, *keys: int | str) -> int:
    """A seed in [0, 2**63) for this seed and these keys, the same on every machine.

    Examples
    --------
    >>> keyed_seed(1, "order", 0) == keyed_seed(1, "order", 0)
    True
    >>> keyed_seed(1, "order", 0) == keyed_seed(1, "order", 1)
    False
    """
    # repr keeps 1 and "1" apart, and int() makes a numpy integer spell like a Python one
    parts = (key if isinstance(key, str) else int(key) for key in (seed, *keys))
    digest = hashlib.blake2b("|".join(map(repr, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def keyed_generator(seed: int, *keys: int | str) -> "torch.Generator":
    """A CPU generator seeded by `keyed_seed`."""
    import torch  # here, so that seeds alone (numpy, the command line) cost no torch import

    return torch.Generator().manual_seed(keyed_seed(seed, *keys))


def keyed_words(seed: int, rows: np.ndarray, n_words: int) -> np.ndarray:
    """Random 64-bit words for each event, by its row alone ([N] -> [N, n_words] uint64)."""
    slots = rows.astype(np.uint64)[:, None] * np.uint64(n_words) + np.arange(
        n_words, dtype=np.uint64
    )
    return mix_bits(slots + np.uint64(seed))


def mix_bits(words: np.ndarray) -> np.ndarray:
    """Spread uint64 words evenly over all 64 bits (the finaliser of SplitMix64)."""
    words = words * np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
