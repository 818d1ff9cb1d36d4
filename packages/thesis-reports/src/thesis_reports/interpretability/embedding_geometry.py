"""How the learned vectors of object kinds lie: angles, lengths, and what chance gives of them.

All arrays leave padding out, which no layer ever sees: their first kind is the jet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from thesis_facts.errors import RunError
from thesis_reports.comparison import holm
from thesis_reports.interpretability.epoch_files import KINDS

OBJECTS = KINDS[1:]
PAIRS = tuple((i, j) for i in range(len(OBJECTS)) for j in range(i))
"""Each two kinds once."""

_ELECTRONS, _MUONS = (2, 3), (4, 5)
FOLLOWED: dict[str, tuple[tuple[int, int], ...]] = {
    "b-jet, jet": ((1, 0),),
    "e+, e−": (_ELECTRONS,),
    "μ+, μ−": (_MUONS,),
    "e, μ (mean of 4)": tuple((e, m) for e in _ELECTRONS for m in _MUONS),
    "photon, jet": ((6, 0),),
}
"""Pairs whose cosine is followed over epochs, as a reader calls them."""

LEPTONS = tuple((i, j) for i in range(2, 6) for j in range(2, i))
"""The six pairs of electrons and muons."""

Array = NDArray[np.float64]


def vectors_of(weight: NDArray[np.floating]) -> Array:
    """[8, d] as training writes them -> [7, d] without padding.

    Raises
    ------
    RunError
        These are not the vectors of the known kinds, or not finite.
    """
    if weight.ndim != 2 or len(weight) != len(KINDS) or not weight.shape[1]:
        raise RunError(
            "not the vectors of object ids",
            key="pid_embedding",
            found=f"shape {list(weight.shape)}",
            expected=f"[{len(KINDS)}, d]",
        )
    vectors = np.asarray(weight[1:], dtype=float)
    if not np.isfinite(vectors).all():
        raise RunError("the vectors of object ids are not finite", key="pid_embedding")
    return vectors


def cosines(vectors: Array) -> Array:
    """Cosine of the angle between each two of [..., 7, d] vectors, [..., 7, 7]; NaN of a zero."""
    length = norms(vectors)[..., None]
    unit = np.divide(vectors, length, out=np.full(vectors.shape, np.nan), where=length > 0)
    return np.clip(unit @ np.swapaxes(unit, -1, -2), -1, 1)


def norms(vectors: Array) -> Array:
    """Lengths [..., 7] of [..., 7, d] vectors."""
    return np.linalg.norm(vectors, axis=-1)


def followed(matrix: Array) -> dict[str, float]:
    """Cosines of the pairs in `FOLLOWED`, of a matrix [7, 7]."""
    return {
        name: float(np.mean([matrix[pair] for pair in pairs])) for name, pairs in FOLLOWED.items()
    }


def turned(first: Array, last: Array) -> float:
    """Mean angle (degrees) between what the vectors were and what they are, both [7, d]."""
    lengths = norms(first) * norms(last)
    cosine = np.divide((first * last).sum(-1), lengths, out=np.ones(7), where=lengths > 0)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def principal_plane(vectors: Array) -> tuple[Array, Array]:
    """Where the kinds lie in the plane that shows most of their scatter.

    Returns
    -------
    coordinates : [7, 2]
        Each axis signed so that its largest coordinate is positive.
    explained : [2]
        Shares of the variance.
    """
    centred = vectors - vectors.mean(0)
    if centred.shape[1] == 1:
        centred = np.pad(centred, ((0, 0), (0, 1)))
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    coordinates = (left * sizes)[:, :2]
    largest = coordinates[np.abs(coordinates).argmax(0), [0, 1]]
    total = float(np.square(sizes).sum())
    explained = np.square(sizes[:2]) / total if total else np.zeros(2)
    return coordinates * np.where(largest < 0, -1, 1), explained


def chance(dimension: int, n_seeds: int = 1) -> float:
    """Standard deviation of the mean cosine of random directions over so many seeds.

    >>> round(chance(4), 3), chance(4, 4)
    (0.5, 0.25)
    """
    return 1 / math.sqrt(dimension * n_seeds)


def p_values(means: Sequence[float], dimension: int, n_seeds: int) -> Array:
    """Two-sided, of mean cosines of pairs if all directions were random, corrected by Holm.

    The normal distribution is taken: cosines end at ±1, so that their true tails are lighter.
    """
    scaled = np.abs(np.asarray(means, dtype=float)) / chance(dimension, n_seeds)
    return holm((2 * stats.norm.sf(scaled)).tolist())
