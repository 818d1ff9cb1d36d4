"""What a classifier said of a set of events, checked once for all metrics of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import Ranking, rank_where_defined
from thesis_facts.metrics.sample import MetricError, check_finite, check_total, check_weights


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits beside the truth.

    Attributes
    ----------
    logits : [N, C], finite
    labels : [N] integers in 0..C-1
    weights : [N], of either sign, of positive sum
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.integer]
    weights: NDArray[np.float64]

    @property
    def n_classes(self) -> int:
        """Number of classes C, at least 2."""
        return self.logits.shape[1]

    @property
    def ranked_classes(self) -> range:
        """Classes that count as signal in turn: class 1 of two, else each against the rest."""
        return range(1, 2) if self.n_classes == 2 else range(self.n_classes)

    @cached_property
    def chosen(self) -> NDArray[np.intp]:
        """Class of the largest logit [N]."""
        chosen = np.zeros(len(self.logits), dtype=np.intp)
        highest = self.logits[:, 0].copy()
        for which in range(1, self.n_classes):  # argmax along so short an axis is far slower
            is_higher = self.logits[:, which] > highest
            chosen[is_higher] = which
            np.maximum(highest, self.logits[:, which], out=highest)
        return chosen

    @cached_property
    def log_probabilities(self) -> NDArray[np.float64]:
        """Logarithm of the softmax [N, C]."""
        return log_softmax(self.logits)

    def rank_class(self, which: int) -> Ranking | None:
        """Events by how much they look like one class; None where it or the rest has no weight."""
        is_signal = self.labels == which
        return rank_where_defined(log_odds(self.logits, which), is_signal, self.weights)


def check_predictions(
    logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None
) -> Predictions:
    """Logits [N, C], labels [N] and weights [N] or None, once they fit together."""
    logits = np.asarray(logits)
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise MetricError(
            "wrong shape", key="logits", found=logits.shape, expected="[N, C] with C >= 2"
        )
    labels = check_labels(labels, *logits.shape)
    weights = check_weights(weights, len(logits))
    check_total(weights, "events")
    return Predictions(check_finite(logits, "logits"), labels, weights)


def check_labels(labels: ArrayLike, n_events: int, n_classes: int) -> NDArray[np.integer]:
    """Labels as [N] integers, all of them naming one of C classes."""
    array = np.asarray(labels)
    if array.shape != (n_events,) or array.dtype.kind not in "iu":
        raise MetricError(
            "wrong labels",
            key="labels",
            found=f"{array.dtype} of shape {array.shape}",
            expected=f"integers of shape ({n_events},)",
        )
    if n_events and (array.min() < 0 or array.max() >= n_classes):
        raise MetricError(
            "label outside the classes",
            key="labels",
            found=f"{array.min()}..{array.max()}",
            expected=f"0..{n_classes - 1}",
        )
    return array


def log_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of class probabilities [N, C]; large logits neither overflow nor saturate."""
    columns = np.asarray(logits).T.astype(np.float64, order="C")  # sums along [C, N] are fast
    return (columns - _log_sum_exp(columns)).T


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Class probabilities [N, C]."""
    return np.exp(log_softmax(logits))


def log_odds(logits: ArrayLike, which: int) -> NDArray[np.float64]:
    """log p/(1-p) of one class [N], the score of that class against the rest.

    It orders events as the probability does, but without the ties that probabilities close to 1
    get from rounding. For two classes it is the difference of the logits.
    """
    columns = np.asarray(logits).T.astype(np.float64, order="C")
    return columns[which] - _log_sum_exp(np.delete(columns, which, axis=0))


def _log_sum_exp(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """log Σ_c exp(z_c) of columns [C, N]."""
    if len(columns) == 1:
        return columns[0]
    highest = columns.max(axis=0)
    return highest + np.log(np.exp(columns - highest).sum(axis=0))
