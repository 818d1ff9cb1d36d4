"""How much worse classifiers get where events are measured worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thesis_facts.errors import RunError, ThesisError
from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.predictions import log_odds
from thesis_facts.metrics.ranking import rank_events
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import Events, JudgedRun, Judging
from thesis_reports.comparison import Group
from thesis_reports.config import CorruptionStrategy
from thesis_reports.figures.grid import draw_grid, grid_data
from thesis_reports.report import Report
from thesis_reports.rounding import signed
from thesis_reports.statistics import Spread


@dataclass(frozen=True)
class Change:
    """AUROC of a model on corrupted events minus that on the same events as they were.

    Attributes
    ----------
    model, corruption
        Which.
    difference
        Mean over runs.
    event_error, seed_error
        Of the mean; `seed_error` is NaN for a single run.
    n_runs
        Behind it.
    """

    model: str
    corruption: str
    difference: float
    event_error: float
    seed_error: float
    n_runs: int

    @property
    def error(self) -> float:
        """Of events and seeds together."""
        return math.hypot(self.event_error, np.nan_to_num(self.seed_error))


def add_robustness(
    report: Report, models: Sequence[Model], events: Events, judging: Judging
) -> list[Change]:
    """Change of AUROC by each corruption that the config asks for; says which runs lack it."""
    strategies = report.config.inference.corruption_strategies
    if not strategies:
        return []
    title = "Corrupted events"
    changes, left_out = [], []
    for model in models:
        for strategy in strategies:
            found = []
            for run in model.runs:
                try:
                    found.append(_change(report, run, events, judging, strategy))
                except ThesisError as error:
                    left_out.append((f"{run.name}, {strategy.label}", str(error)))
            if found:
                changes.append(_summed_up(model.label, strategy.label, found))
    report.reasons("Corruptions that could not be tried", left_out)
    if not changes:
        report.not_drawn("corruptions", title, "No run could score corrupted events.")
        return []
    fields = {
        (one.model, one.corruption): Spread(one.difference, one.error, one.n_runs)
        for one in changes
    }
    worst = min(changes, key=lambda one: one.difference)
    caption = f"Change of the {judging.split} AUROC where events are corrupted before they are "
    caption += "scored, ± events (the same ones, so most of their chance cancels) and seeds. "
    caption += f"Lowest: {worst.model} with {worst.corruption}, "
    caption += f"{signed(worst.difference, worst.error)}."
    names = ("model", "corruption")
    report.figure(
        "corruptions",
        title,
        lambda: draw_grid(
            fields,
            list(dict.fromkeys(one.model for one in changes)),
            list(dict.fromkeys(one.corruption for one in changes)),
            axes_names=names,
            quantity="change of AUROC",
        ),
        caption,
        data=grid_data(fields, names),
        wide=True,
    )
    return changes


def _change(
    report: Report, run: JudgedRun, events: Events, judging: Judging, strategy: CorruptionStrategy
) -> tuple[float, NDArray[np.float64]]:
    """Difference of AUROC, and its influences [N]."""
    scores = report.scores.read_corrupted(
        run.run_dir, judging.split, strategy.type, strategy.params.strength
    )
    if not np.array_equal(scores.labels, events.labels):
        raise RunError("its corrupted events are others than those that it was judged on")
    ranked = [
        rank_events(score, events.is_signal, events.weights)
        for score in (log_odds(scores.logits, events.signal), run.score)
    ]
    influences = [auroc_influence(ranking) for ranking in ranked]
    return auroc_of(ranked[0]) - auroc_of(ranked[1]), influences[0] - influences[1]


def _summed_up(
    model: str, corruption: str, found: Sequence[tuple[float, NDArray[np.float64]]]
) -> Change:
    group = Group.of(model, found)
    events, seeds = math.sqrt(group.event_variance), math.sqrt(group.seed_variance)
    return Change(model, corruption, group.mean, events, seeds, len(found))
