"""One classifier judged as a finder of one class: its numbers on the events of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thesis_facts import Scores
from thesis_facts.errors import ConfigError
from thesis_facts.evaluation import signal_class
from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.calibration import (
    calibration_error_if_perfect_of,
    calibration_error_of,
)
from thesis_facts.metrics.classification import accuracy_of, log_loss_of
from thesis_facts.metrics.cuts import (
    CountingExperiment,
    CutSignificance,
    best_cut,
    significance_at_cut,
)
from thesis_facts.metrics.predictions import check_predictions, log_odds
from thesis_facts.metrics.ranking import Ranking, rank_where_defined
from thesis_facts.metrics.sample import UNKNOWN, Estimate, MetricError, effective_events
from thesis_facts.metrics.working_points import rejection_lower_limit_of, rejection_of

FEWEST_BACKGROUND = 10.0  # effective events behind a cut, below which its yield is mere luck


@dataclass(frozen=True)
class Judging:
    """How models are judged: the split, the class that is looked for (None: the obvious one),
    signal efficiencies of working points, and what turns efficiencies into expected events."""

    split: str
    signal: str | None
    working_points: tuple[float, ...]
    experiment: CountingExperiment


@dataclass(frozen=True, eq=False)
class Events:
    """The N events that all models are judged on.

    Attributes
    ----------
    class_names, signal
        Names of the classes, and which of them is looked for.
    labels, is_signal, weights : [N]
    process : [N] (see `thesis_facts.processes`), or None
    columns : other numbers an event by name, each [N]
    weighted
        Whether the weights were given.
    """

    class_names: tuple[str, ...]
    signal: int
    labels: NDArray[np.integer]
    is_signal: NDArray[np.bool_]
    weights: NDArray[np.float64]
    process: NDArray[np.integer] | None
    columns: Mapping[str, NDArray]
    weighted: bool

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def signal_name(self) -> str:
        """Of the class that is looked for."""
        return self.class_names[self.signal]

    @property
    def background_name(self) -> str:
        """Of all else."""
        rest = [name for name in self.class_names if name != self.signal_name]
        return rest[0] if len(rest) == 1 else "all other classes"


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """One training on the judged events.

    Attributes
    ----------
    run_dir, name
        Which.
    val_auroc
        Of the signal against the rest, on the validation split.
    score : [N], log p/(1-p) of the signal class
    loss : [N], -log p of the true class
    chosen : [N], class of the largest logit
    numbers
        ``auroc``, ``rejection_at_0.5`` and so on, ``acc``, ``log_loss``, ``calibration_error``,
        ``simple``, ``asimov``, ``signal`` and ``background`` (of the cut), each with its
        uncertainty from the events.
    limits
        Lower limit (95 %) of each rejection that is infinite, by its key.
    calibration_if_perfect
        Calibration error that true probabilities would show.
    cut
        Chosen on validation, judged on the split; None with the reason in `why_no_cut`.
    cut_at_limit
        Whether no tighter cut could be tried, for lack of simulated background.
    """

    run_dir: str
    name: str
    val_auroc: float
    score: NDArray[np.float64]
    loss: NDArray[np.float64]
    chosen: NDArray[np.integer]
    numbers: dict[str, Estimate]
    limits: dict[str, float]
    calibration_if_perfect: float
    cut: CutSignificance | None
    why_no_cut: str
    cut_at_limit: bool

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """Of the signal class [N]."""
        return np.exp(-np.logaddexp(0, -self.score))


def judge_run(
    run_dir: str, name: str, val: Scores, judged: Scores, judging: Judging, events: Events
) -> JudgedRun:
    """All numbers of a run.

    Parameters
    ----------
    val
        Scores of the validation split, which choose the cut.
    judged
        Those of `events`.

    Raises
    ------
    MetricError
        Scores are not finite, or the signal or all else has no events.
    """
    predictions = check_predictions(judged.logits, judged.labels, judged.weights)
    score = log_odds(predictions.logits, events.signal)
    ranking = rank_where_defined(score, events.is_signal, events.weights)
    chooser = events_of(val, events.signal)
    val_score = log_odds(val.logits, events.signal)
    val_ranking = rank_where_defined(val_score, chooser.is_signal, chooser.weights)
    if ranking is None or val_ranking is None:
        raise MetricError(f"{events.signal_name} or all else has no events to judge by")
    logits = np.stack([np.zeros_like(score), score], axis=1)
    alone = check_predictions(logits, events.is_signal.astype(int), judged.weights)
    numbers = {
        "auroc": Estimate.from_influence(auroc_of(ranking), auroc_influence(ranking)),
        "acc": accuracy_of(predictions),
        "log_loss": log_loss_of(predictions),
        "calibration_error": calibration_error_of(alone),
        "simple": UNKNOWN,
        "asimov": UNKNOWN,
        "signal": UNKNOWN,
        "background": UNKNOWN,
    }
    rejections, limits = _rejections(ranking, judging)
    cut, why_no_cut, at_limit = None, "", False
    try:
        threshold = best_cut(
            val_score,
            chooser.is_signal,
            judging.experiment,
            chooser.weights,
            min_background_events=FEWEST_BACKGROUND,
        )
        cut = significance_at_cut(
            score, events.is_signal, threshold, judging.experiment, events.weights
        )
        numbers |= {key: getattr(cut, key) for key in ("simple", "asimov", "signal", "background")}
        passing = chooser.weights[~chooser.is_signal & (val_score >= threshold)]
        at_limit = effective_events(passing) < 1.5 * FEWEST_BACKGROUND
    except MetricError as error:
        why_no_cut = str(error)
    rows = np.arange(len(judged))
    return JudgedRun(
        run_dir=run_dir,
        name=name,
        val_auroc=auroc_of(val_ranking),
        score=score,
        loss=-predictions.log_probabilities[rows, judged.labels],
        chosen=predictions.chosen,
        numbers=numbers | rejections,
        limits=limits,
        calibration_if_perfect=calibration_error_if_perfect_of(alone),
        cut=cut,
        why_no_cut=why_no_cut,
        cut_at_limit=at_limit,
    )


def find_signal(class_names: tuple[str, ...], wanted: str | None) -> int:
    """Index of the class that is looked for.

    Raises
    ------
    ConfigError
        There is no such class, or none is the obvious one.
    """
    names = list(class_names)
    signal = wanted or signal_class({name: name.split("+") for name in names})
    if signal not in names:
        raise ConfigError(
            "no such class" if wanted else "no class is the obvious signal",
            key="evaluate.signal",
            found=wanted,
            expected=f"one of {names}",
        )
    return names.index(signal)


def events_of(scores: Scores, signal: int) -> Events:
    """The events of scores, without what a model says of them."""
    weights = scores.weights
    return Events(
        class_names=scores.class_names,
        signal=signal,
        labels=scores.labels,
        is_signal=scores.labels == signal,
        weights=np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64),
        process=scores.process,
        columns=scores.columns,
        weighted=weights is not None,
    )


def rejection_key(efficiency: float) -> str:
    """Name of the rejection at a signal efficiency among the numbers of a run."""
    return f"rejection_at_{efficiency:g}"


def _rejections(ranking: Ranking, judging: Judging) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Rejection at each working point, and lower limits of those that are infinite."""
    found = {rejection_key(point): rejection_of(ranking, point) for point in judging.working_points}
    limits = {
        rejection_key(point): rejection_lower_limit_of(ranking, point)
        for point in judging.working_points
        if np.isinf(found[rejection_key(point)].value)
    }
    return found, limits
