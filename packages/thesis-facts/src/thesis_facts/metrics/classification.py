"""How often, and how surely, a classifier picks the right class."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.auroc import auroc_of
from thesis_facts.metrics.predictions import Predictions, check_predictions
from thesis_facts.metrics.sample import Estimate, weighted_ratio


def classification_metrics(
    logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> dict[str, float]:
    """The three numbers of every epoch: ``acc``, ``auroc`` and ``f1``.

    Class 1 of two is the signal; with more classes AUROC and F1 are the mean over classes, each
    against the rest. AUROC is NaN where a class has no positive total weight, so that a small
    validation sample never ends a training.

    Parameters
    ----------
    logits : [N, C]
    labels : [N] integers in 0..C-1
    weights : [N], of either sign; None for unit weights
    """
    predictions = check_predictions(logits, labels, weights)
    rankings = [predictions.rank_class(which) for which in predictions.ranked_classes]
    areas = [np.nan if ranking is None else auroc_of(ranking) for ranking in rankings]
    confusion = confusion_of(predictions)
    return {
        "acc": float(np.trace(confusion) / confusion.sum()),
        "auroc": float(np.mean(areas)),
        "f1": float(np.mean(_f1_of_confusion(confusion)[predictions.ranked_classes])),
    }


def confusion_matrix(
    logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Weight [C, C] of events of each true class (row) given to each class (column)."""
    return confusion_of(check_predictions(logits, labels, weights))


def accuracy(logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Fraction of the weight that is given to its true class."""
    return accuracy_of(check_predictions(logits, labels, weights))


def f1(logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """F1 = 2 TP / (2 TP + FP + FN) of class 1 of two, or its mean over more classes.

    A class that is neither there nor predicted counts 0, as in scikit-learn.
    """
    return f1_of(check_predictions(logits, labels, weights))


def log_loss(logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Mean of -log p of the true class (natural logarithm)."""
    return log_loss_of(check_predictions(logits, labels, weights))


def brier(logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Mean squared error of the probabilities, Σ_c (p_c - y_c)²; half of it for two classes.

    The half makes it (p_1 - y)², the usual form for two classes.
    """
    return brier_of(check_predictions(logits, labels, weights))


def confusion_of(predictions: Predictions) -> NDArray[np.float64]:
    """`confusion_matrix` of checked predictions."""
    n_classes = predictions.n_classes
    cells = predictions.labels.astype(np.intp) * n_classes + predictions.chosen
    sums = np.bincount(cells, weights=predictions.weights, minlength=n_classes**2)
    return np.asarray(sums, dtype=np.float64).reshape(n_classes, n_classes)


def accuracy_of(predictions: Predictions) -> Estimate:
    """`accuracy` of checked predictions."""
    return _mean(predictions.chosen == predictions.labels, predictions)


def f1_of(predictions: Predictions) -> Estimate:
    """`f1` of checked predictions."""
    values, influences = [], []
    for which in predictions.ranked_classes:
        is_true = predictions.labels == which
        is_chosen = predictions.chosen == which
        value, influence = 0.0, np.zeros(len(is_true))
        if is_true.any() or is_chosen.any():
            hits = 2.0 * (is_true & is_chosen)
            involved = is_true.astype(np.float64) + is_chosen
            value, influence = weighted_ratio(hits, involved, predictions.weights)
        values.append(value)
        influences.append(influence)
    return Estimate.from_influence(float(np.mean(values)), np.mean(influences, axis=0))


def log_loss_of(predictions: Predictions) -> Estimate:
    """`log_loss` of checked predictions."""
    rows = np.arange(len(predictions.labels))
    return _mean(-predictions.log_probabilities[rows, predictions.labels], predictions)


def brier_of(predictions: Predictions) -> Estimate:
    """`brier` of checked predictions."""
    errors = np.exp(predictions.log_probabilities)
    errors[np.arange(len(errors)), predictions.labels] -= 1
    squared = np.square(errors).sum(axis=1)
    return _mean(squared / 2 if predictions.n_classes == 2 else squared, predictions)


def _mean(values: NDArray, predictions: Predictions) -> Estimate:
    return Estimate.from_influence(*weighted_ratio(values, 1.0, predictions.weights))


def _f1_of_confusion(confusion: NDArray) -> NDArray[np.float64]:
    """F1 of each class [C]; the same numbers as `f1_of` without a pass over events."""
    involved = confusion.sum(axis=0) + confusion.sum(axis=1)
    empty = (confusion == 0).all(axis=0) & (confusion == 0).all(axis=1)
    safe = np.where(involved > 0, involved, np.nan)
    return np.where(empty, 0.0, 2 * np.diagonal(confusion) / safe)
