"""The same event twice: found by a hash of its content, in time linear in the events but a sort."""

from itertools import combinations
from typing import Literal

import numpy as np

from thesis_data.random import mix_bits
from thesis_data.validation.checks import Block
from thesis_data.validation.problems import Problem

NO_EVENT = np.uint64(0)
"""Hash of an event without objects: all of them look alike, so none counts as a copy."""


def hash_events(block: Block) -> np.ndarray:
    """[n] uint64 of globals and objects, whatever the order of the objects and the padding."""
    ids = np.where(block.valid, block.ids, np.float32(0))[..., None]
    tokens = _chain(np.concatenate([ids, block.objects], axis=-1))
    tokens[~block.valid] = 0
    hashes = mix_bits(tokens.sum(axis=1, dtype=np.uint64) ^ _chain(block.globals))
    return np.where(block.valid.any(1), hashes, NO_EVENT)


def find_duplicates(
    hashes: dict[str, np.ndarray], in_two_splits: Literal["error", "warning"] = "error"
) -> list[Problem]:
    """Events that stand in two splits, or twice in one (warnings)."""
    problems = []
    for first, second in combinations(hashes, 2):
        shared = np.isin(hashes[second], hashes[first]) & (hashes[second] != NO_EVENT)
        if shared.any():
            row = int(shared.argmax())
            twin = int((hashes[first] == hashes[second][row]).argmax())
            what = (
                f"{np.count_nonzero(shared):,} of {len(shared):,} events of {second} are in "
                f"{first} as well (row {row} is row {twin} of {first})"
            )
            problems.append(Problem(in_two_splits, f"{first}, {second}", what))
    for split, values in hashes.items():
        real = values[values != NO_EVENT]
        copies = len(real) - len(np.unique(real))
        if copies:
            what = f"{copies:,} of {len(values):,} events are copies of others in this split"
            problems.append(Problem("warning", split, what))
    return problems


def _chain(values: np.ndarray) -> np.ndarray:
    """Hash the last axis of float32 values; 0.0 and -0.0 are the same number."""
    words = (values + np.float32(0)).astype(np.float32).view(np.uint32)
    state = np.full(values.shape[:-1], 1, dtype=np.uint64)
    for column in range(values.shape[-1]):
        state = mix_bits(state ^ words[..., column])
    return state
