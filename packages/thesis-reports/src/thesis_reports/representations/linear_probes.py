"""What a linear model reads off features: fitted on one split, judged on another.

A probe shows what a representation holds in a form that a linear layer can use, not all that it
holds. How strongly it is regularised is chosen by cross-validation among the events that it is
fitted to (Alain and Bengio, arXiv:1610.01644).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.predictions import check_predictions

N_FOLDS = 5
FEWEST = 2 * N_FOLDS  # events of a process, below which it is no class of a probe
_STRENGTHS = np.logspace(-4, 0, 5)  # C of the logistic regression, on standardised features
_PENALTIES = np.logspace(-2, 4, 7)  # α of the ridge regression


@dataclass(frozen=True, eq=False)
class Probed:
    """A number that a probe reaches.

    Attributes
    ----------
    value
        On the events that judged it.
    influence : [N], what each of them moves it by; the root of the summed squares is its error
    """

    value: float
    influence: NDArray[np.float64]


def probe_process(
    fit: tuple[NDArray[np.floating], NDArray[np.integer]],
    judge: tuple[NDArray[np.floating], NDArray[np.integer]],
) -> dict[str, Probed]:
    """``accuracy`` and ``macro AUROC`` of a multinomial logistic regression.

    Parameters
    ----------
    fit, judge
        Features [N, D] and process [N] of the events that it learns from, and of those that judge
        it. Processes with fewer than `FEWEST` events to learn from are left out of both; empty
        where fewer than two are left.
    """
    classes, counts = np.unique(fit[1], return_counts=True)
    classes = classes[counts >= FEWEST]
    learned, judged = np.isin(fit[1], classes), np.isin(judge[1], classes)
    present = np.unique(judge[1][judged])
    if len(classes) < 2 or len(present) < 2:
        return {}
    model = _logistic(fit[0][learned], fit[1][learned])
    log_odds = model.decision_function(judge[0][judged])
    logits = log_odds if log_odds.ndim == 2 else np.stack([-log_odds, log_odds], axis=1) / 2
    labels = np.searchsorted(classes, judge[1][judged])
    predictions = check_predictions(logits, labels, None)
    of_class = [predictions.rank_class(which) for which in predictions.ranked_classes]
    rankings = [ranking for ranking in of_class if ranking is not None]
    area = float(np.mean([auroc_of(ranking) for ranking in rankings]))
    influence = np.mean([auroc_influence(ranking) for ranking in rankings], axis=0)
    is_right = (predictions.chosen == labels).astype(np.float64)
    return {
        "accuracy": _everywhere(_mean(is_right), judged),
        "macro AUROC": _everywhere(Probed(area, influence), judged),
    }


def probe_variable(
    fit: tuple[NDArray[np.floating], NDArray[np.floating]],
    judge: tuple[NDArray[np.floating], NDArray[np.floating]],
) -> Probed | None:
    """R² = 1 - Σ(y - ŷ)² / Σ(y - ȳ)² of a ridge regression; None where y never differs.

    Parameters
    ----------
    fit, judge
        Features [N, D] and the variable y [N] of the events that it learns from, and of those
        that judge it.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mean, scale = float(fit[1].mean()), float(fit[1].std())
    apart = judge[1] - judge[1].mean()
    if scale == 0 or not apart.any():
        return None
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=_PENALTIES))
    model.fit(fit[0].astype(np.float64), (fit[1] - mean) / scale)
    predicted = mean + scale * model.predict(judge[0].astype(np.float64))
    missed, total = np.square(judge[1] - predicted), np.square(apart)
    ratio = missed.mean() / total.mean()
    # by linearisation of the ratio; its denominator feels the mean of y in second order alone
    influence = -(missed - ratio * total) / total.mean() / len(total)
    return Probed(float(1 - ratio), influence)


def _logistic(features: NDArray[np.floating], process: NDArray[np.integer]) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Newton's method: features number tens, and a quarter of the time that L-BFGS takes
    model = make_pipeline(
        StandardScaler(), LogisticRegression(solver="newton-cg", tol=1e-6, max_iter=200)
    )
    search = GridSearchCV(
        model,
        {"logisticregression__C": _STRENGTHS},
        scoring="neg_log_loss",
        cv=StratifiedKFold(N_FOLDS, shuffle=True, random_state=0),
    )
    with warnings.catch_warnings():
        # a fold that is separable has no best weights without a penalty; another C wins then
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(features.astype(np.float64), process)


def _mean(values: NDArray[np.float64]) -> Probed:
    mean = float(values.mean())
    n_events = len(values)
    return Probed(mean, (values - mean) / np.sqrt(n_events * max(n_events - 1, 1)))


def _everywhere(probed: Probed, judged: NDArray[np.bool_]) -> Probed:
    """The same, with events that did not judge it in their places, moving nothing."""
    influence = np.zeros(len(judged))
    influence[judged] = probed.influence
    return Probed(probed.value, influence)
