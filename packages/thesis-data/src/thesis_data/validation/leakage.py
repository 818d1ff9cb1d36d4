"""Can the label be told from something that is no physics: the place in the file, the weight?

A sample may well be sorted or weighted by process; a model or a subset that sees the place or the
weight would then know the answer.
"""

import numpy as np

from thesis_data.random import keyed_seed
from thesis_data.validation.problems import Problem

_BINS = 64
_LEAST_EVENTS = 20 * _BINS
_LEAST_GAIN = 0.02


def find_leaks(where: str, labels: np.ndarray, weights: np.ndarray | None) -> list[Problem]:
    """Warnings where the order of events or their weight tells the label ([N] each)."""
    order = np.arange(len(labels))
    clues = {
        "the place in the file": order * _BINS // max(len(labels), 1),
        "the label of the event before": np.concatenate([labels[:1], labels[:-1]]),
    }
    if weights is not None:
        clues["the event weight"] = _quantile_bins(weights)
    problems = []
    for clue, bins in clues.items():
        right, guess = label_accuracy(bins, labels)
        error = np.sqrt(0.25 / max(len(labels) // 2, 1))
        if right - guess > max(_LEAST_GAIN, 5 * error) and len(labels) >= _LEAST_EVENTS:
            problems.append(
                Problem(
                    "warning",
                    where,
                    f"{clue} alone tells the label of {right:.0%} of the events "
                    f"(always naming the commonest: {guess:.0%})",
                )
            )
    return problems


def label_accuracy(bins: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Share of labels told by the commonest label of their bin, and by the commonest of all.

    What is commonest is learnt on one random half of the events and tried on the other, so that
    a clue without content gains nothing.
    """
    _, bins = np.unique(bins, return_inverse=True)
    names, classes = np.unique(labels, return_inverse=True)
    learn = np.random.default_rng(keyed_seed(0, "halves")).random(len(labels)) < 0.5
    counts = np.zeros((bins.max(initial=0) + 1, len(names)), dtype=np.int64)
    np.add.at(counts, (bins[learn], classes[learn]), 1)
    if learn.all() or not learn.any():
        return 0.0, 0.0
    told = counts.argmax(1)[bins[~learn]] == classes[~learn]
    guessed = counts.sum(0).argmax() == classes[~learn]
    return float(told.mean()), float(guessed.mean())


def _quantile_bins(values: np.ndarray) -> np.ndarray:
    """Bin of each value: its own where there are few different ones, else a quantile."""
    distinct, inverse = np.unique(values, return_inverse=True)
    if len(distinct) <= _BINS:
        return inverse
    return np.searchsorted(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]), values)
