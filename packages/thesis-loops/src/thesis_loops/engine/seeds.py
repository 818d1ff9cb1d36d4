"""Randomness that depends on (seed, epoch, step) alone, so that a resumed run repeats it."""

import random

import numpy as np
import torch

from thesis_data.random import keyed_seed


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch, for what is drawn outside of training steps."""
    random.seed(seed)
    np.random.seed(keyed_seed(seed, "numpy") % 2**32)  # noqa: NPY002 - libraries draw from it
    torch.manual_seed(seed)


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed what a training step draws (dropout); each rank draws for its own events."""
    of_rank = (rank,) if rank else ()
    torch.manual_seed(keyed_seed(seed, "step", epoch, step, *of_rank))
