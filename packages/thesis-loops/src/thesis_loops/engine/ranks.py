"""Which of several processes this one is, as torchrun says it (no torch here)."""

import os

from thesis_facts.errors import ThesisError


class RanksApart(ThesisError):
    """A process does not reach the others: nobody but itself can say so."""


def n_ranks() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this one is; rank 0 speaks and writes for all."""
    return int(os.environ.get("RANK", "0")) if n_ranks() > 1 else 0


def local_rank() -> int:
    """Which of those on this machine this one is."""
    return int(os.environ.get("LOCAL_RANK", "0")) if n_ranks() > 1 else 0


def shard() -> tuple[int, int]:
    """Rank and number of processes, for batches."""
    return rank(), n_ranks()
