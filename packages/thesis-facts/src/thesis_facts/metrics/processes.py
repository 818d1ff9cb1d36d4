"""How well the signal is told from each background process, with one and the same score."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.predictions import check_predictions, log_odds
from thesis_facts.metrics.ranking import rank_where_defined
from thesis_facts.metrics.report import ranking_report
from thesis_facts.metrics.sample import MetricError, check_length, effective_events
from thesis_facts.processes import PROCESSES

ALL = "all"
"""Key of all background processes together."""


def process_report(
    logits: ArrayLike,
    labels: ArrayLike,
    process: ArrayLike,
    signal: int,
    weights: ArrayLike | None = None,
) -> dict[str, dict[str, float]]:
    """AUROC and working points of one class against all else, and against each process of it.

    The score is log p/(1-p) of the signal class for every background, as in an analysis that cuts
    once: of two classes the difference of the logits, of more the class against all others.

    Parameters
    ----------
    logits : [N, C]
    labels : [N] integers in 0..C-1
    process : [N] process labels of the events (see `thesis_facts.processes`); others, such as 0
        for unknown, count in "all" alone
    signal : class index
    weights : [N], of either sign; None for unit weights

    Returns
    -------
    dict
        By name of the background, "all" first: `auroc`, `rejection_at_0.3` and the other keys of
        `classification_report` for two classes, each with its uncertainty; ``n_events`` and
        ``n_effective`` of that background, ``n_effective_signal``. A process that the sample lacks
        has no entry; one without positive total weight has NaN.
    """
    predictions = check_predictions(logits, labels, weights)
    if not 0 <= signal < predictions.n_classes:
        raise MetricError(
            "no such class",
            key="signal",
            found=signal,
            expected=f"0..{predictions.n_classes - 1}",
        )
    process = np.asarray(process)
    check_length(process, "process", len(predictions.labels))
    scores = log_odds(predictions.logits, signal)
    is_signal = predictions.labels == signal
    backgrounds = {ALL: ~is_signal}
    backgrounds |= {name: ~is_signal & (process == label) for label, name in PROCESSES.items()}
    return {
        name: _against(background, scores, is_signal, predictions.weights)
        for name, background in backgrounds.items()
        if name == ALL or background.any()
    }


def _against(
    background: NDArray[np.bool_],
    scores: NDArray,
    is_signal: NDArray[np.bool_],
    weights: NDArray,
) -> dict[str, float]:
    rows = is_signal | background
    ranking = rank_where_defined(scores[rows], is_signal[rows], weights[rows])
    return {
        "n_events": int(np.count_nonzero(background)),
        "n_effective": effective_events(weights[background]),
        "n_effective_signal": effective_events(weights[is_signal]),
        **ranking_report(ranking),
    }
