"""The run that a report is about: chosen on the validation split, then looked at on the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from thesis_reports.aggregation import SettingResult
from thesis_reports.classifiers.evaluation import Evaluation, evaluate_on_test, paired_difference
from thesis_reports.ranking import Metric
from thesis_reports.scores import ScoreSource
from thesis_reports.statistics import Difference, Spread, difference_of_means, spread


@dataclass(frozen=True)
class BestRun:
    """The best run of the best setting.

    Attributes
    ----------
    row
        Its row of the runs table.
    result
        How its setting did on the validation split.
    lead
        How far the setting is ahead of the next one on the validation split; None where there is
        no other, or nothing to judge the difference by.
    is_only
        Whether no other setting has a result.
    test
        What the run reaches on the test split.
    test_seeds
        The metric on the test split over all seeds of the setting.
    """

    row: dict[str, Any]
    result: SettingResult
    lead: Difference | None
    is_only: bool
    test: Evaluation
    test_seeds: Spread

    @property
    def run_dir(self) -> str:
        """Directory of the run."""
        return str(self.row["run_dir"])

    @property
    def epoch(self) -> int | None:
        """Its best epoch, counted from 1; None where unknown."""
        epoch = self.row.get("best_epoch")
        return None if epoch is None or pd.isna(epoch) else int(epoch) + 1


def find_best(
    runs: pd.DataFrame, results: Sequence[SettingResult], metric: Metric, source: ScoreSource
) -> BestRun | None:
    """The best run by the mean of the validation metric over the seeds of its setting.

    Parameters
    ----------
    runs
        See `thesis_reports.selection.SelectedRuns`.
    results
        Settings, the best one first; see `thesis_reports.aggregation.summarise`.
    source
        Where scores come from.
    """
    if not results:
        return None
    first = results[0]
    row = runs[runs["run_dir"] == first.best_run].iloc[0].to_dict()
    lead = lead_over(first, results[1], metric, source) if len(results) > 1 else None
    seeds = runs[runs["run_dir"].isin(first.setting.run_dirs)]
    recorded = f"metric_{metric.name}_test"
    test_seeds = spread(seeds.get(recorded, ()))
    is_only = len(results) == 1
    return BestRun(row, first, lead, is_only, evaluate_on_test(row, source), test_seeds)


def lead_over(
    first: SettingResult, second: SettingResult, metric: Metric, source: ScoreSource
) -> Difference | None:
    """How far the first setting is ahead: over seeds if both have some, else event by event."""
    difference = difference_of_means(first.metric, second.metric)
    if difference is None and metric.name == "auroc":
        difference = paired_difference(first.best_run, second.best_run, source)
    return difference


def seed_noise(results: Sequence[SettingResult]) -> tuple[float, int]:
    """Median spread over seeds, and the number of settings it was taken from.

    Differences between single runs that are not well above it mean nothing.
    """
    spreads = [result.metric.sd for result in results if np.isfinite(result.metric.sd)]
    return (float(np.median(spreads)), len(spreads)) if spreads else (np.nan, 0)
