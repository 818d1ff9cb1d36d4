"""Pooled embeddings of a run beside the truth, and what their covariance says.

A split is read once; of its embeddings only what later steps need is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thesis_facts import PROCESSES
from thesis_facts.anomaly import SCORES_FORMAT
from thesis_facts.errors import ConfigError, RunError, ThesisError
from thesis_reports.scores import ScoreSource

EVENT_VARIABLES = ("n_jets", "n_bjets", "n_leptons", "ht", "met")


@dataclass(frozen=True, eq=False)
class Embedded:
    """Events of a split as a model represents them, beside what they are.

    Attributes
    ----------
    embeddings : [N, D] floats, all finite
    process : [N] integers, keys of `names` or unknown
    names
        Process, or where that is unknown class, of each integer.
    variables : by name, [N] each; those of `EVENT_VARIABLES` that are at hand
    is_weighted
        Whether the events have weights, which are left aside here.
    """

    embeddings: NDArray[np.floating]
    process: NDArray[np.integer]
    names: Mapping[int, str]
    variables: Mapping[str, NDArray[np.float64]]
    is_weighted: bool

    def __len__(self) -> int:
        return len(self.embeddings)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Principal components of embeddings.

    Attributes
    ----------
    mean : [D]
    directions : [D, D], a column per component, the one with the largest variance first
    shares : [D], of the total variance, descending
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    shares: NDArray[np.float64]

    @property
    def effective_dimension(self) -> float:
        """Participation ratio (Σλ)² / Σλ²: k where k components share the variance evenly."""
        return float(1 / np.square(self.shares).sum())

    def project(self, embeddings: NDArray[np.floating], n_components: int) -> NDArray[np.float64]:
        """Events [N, D] along the first components [N, n_components]."""
        return (embeddings - self.mean) @ self.directions[:, :n_components]


def read_embedded(source: ScoreSource, run_dir: str, split: str) -> Embedded:
    """Embeddings of a classifier or an autoencoder.

    Raises
    ------
    RunError, DataError
        They are not at hand, or make no sense.
    """
    try:
        embedded = _of_classifier(source, run_dir, split)
    except ConfigError:
        raise  # the user's, not this run's
    except ThesisError as error:
        if SCORES_FORMAT not in str(error):
            raise
        embedded = _of_autoencoder(source, run_dir, split)
    if not np.isfinite(embedded.embeddings).all():
        raise RunError("embeddings are not finite", key=run_dir)
    if len(embedded) < 2 or not np.ptp(embedded.embeddings, axis=0).any():
        raise RunError("all events have the same embedding", key=run_dir)
    return embedded


def spectrum_of(embeddings: NDArray[np.floating]) -> Spectrum:
    """Principal components of embeddings [N, D]; signs such that the largest entry is positive."""
    mean = embeddings.mean(axis=0, dtype=np.float64)
    centred = embeddings - mean
    values, directions = np.linalg.eigh(centred.T @ centred / max(len(centred) - 1, 1))
    values, directions = np.clip(values[::-1], 0, None), directions[:, ::-1]
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(len(values))])
    return Spectrum(mean, directions * signs, values / values.sum())


def share_between(values: NDArray[np.floating], process: NDArray[np.integer]) -> float:
    """Share of the variance of values [N, D] that lies between the means of processes [N]."""
    which, events = np.unique(process, return_inverse=True)
    counts = np.bincount(events, minlength=len(which))
    total, mean = 0.0, values.mean(axis=0, dtype=np.float64)
    for index, n_events in enumerate(counts):
        own = values[events == index].mean(axis=0, dtype=np.float64)
        total += float(n_events * np.square(own - mean).sum())
    return total / float(np.square(values - mean).sum())


def evenly_spaced(n_events: int, most: int) -> NDArray[np.intp]:
    """At most so many indices, evenly spaced: the same ones every time."""
    return np.arange(most) * n_events // most if n_events > most else np.arange(n_events)


def _of_classifier(source: ScoreSource, run_dir: str, split: str) -> Embedded:
    scores = source.read(run_dir, split, with_embeddings=True)
    if scores.embeddings is None:
        raise RunError(f"its scores of split {split} have no embeddings", key=run_dir)
    if scores.process is None:
        process, names = scores.labels, dict(enumerate(scores.class_names))
    else:
        process, names = scores.process, PROCESSES
    weighted = scores.weights is not None
    return Embedded(scores.embeddings, process, names, _variables(scores.columns), weighted)


def _of_autoencoder(source: ScoreSource, run_dir: str, split: str) -> Embedded:
    scores = source.read_anomaly(run_dir, split)
    if scores.embeddings is None:
        raise RunError(f"its scores of split {split} have no embeddings", key=run_dir)
    # event variables stand among the anomaly scores, as what needs no model
    weighted = scores.weights is not None
    variables = _variables(scores.scores)
    return Embedded(scores.embeddings, scores.process, PROCESSES, variables, weighted)


def _variables(columns: Mapping[str, NDArray]) -> dict[str, NDArray[np.float64]]:
    known = {name: columns[name] for name in EVENT_VARIABLES if name in columns}
    return {k: v.astype(np.float64) for k, v in known.items() if np.isfinite(v).all()}
