"""What a report found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from thesis_reports.best_run import BestRun
from thesis_reports.ranking import Metric
from thesis_reports.rounding import counted, duration, number, with_uncertainty
from thesis_reports.statistics import Difference, Spread


def how_runs_ended(runs: pd.DataFrame, n_skipped: int) -> str:
    """How many runs finished, and what became of the others."""
    unreadable = f"{counted(n_skipped, 'run directory', 'run directories')} could not be read"
    if not len(runs):
        return f"No run could be read: {unreadable}." if n_skipped else "No run was found."
    finished = runs[runs["status"] == "complete"]
    if len(runs) == 1:
        text = _how_one_ended(runs.iloc[0])
    elif len(finished) == len(runs):
        text = f"All {len(runs):,} runs finished"
    else:
        failed = [
            _failures(runs, "crashed", "crashed"),
            _failures(runs, "incomplete", "stopped early"),
        ]
        text = f"{len(finished):,} of {len(runs):,} runs finished; "
        text += " and ".join(part for part in failed if part)
    return f"{text}; {unreadable}." if n_skipped else f"{text}."


def why_not_finished(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The runs that did not finish, by name, each with what is known of its end."""
    return [
        (str(run["name"]), _end_of(run))
        for run in runs.to_dict("records")
        if run["status"] != "complete"
    ]


def what_is_best(best: BestRun | None, metric: Metric, n_runs: int, n_settings: int) -> str:
    """The best setting with its validation value, and how far it is ahead."""
    if best is None:
        who = "It did not get" if n_runs == 1 else "None got"
        return f"{who} far enough to have a validation result." if n_runs else ""
    result = best.result
    value = spread_text(result.metric)
    if n_settings == 1:
        return f"Validation {metric.label}: {value}."
    if best.is_only:
        return f"Only {result.setting.label} has a result: validation {metric.label} {value}."
    text = f"On the validation split {result.setting.label} is best, with {metric.label} {value}"
    return f"{text}, {_ahead(best.lead)}."


def what_test_says(best: BestRun | None, metric: Metric) -> str:
    """The test values of the chosen run; empty where there are none."""
    if best is None:
        return ""
    value, error = best.test.estimate(metric.name)
    if not np.isfinite(value):
        return ""
    who = "its best run" if best.result.metric.n > 1 else "it"
    verb = "reaches" if metric.higher_is_better else "has"
    text = f"On the test split {who} {verb} {metric.label} {with_uncertainty(value, error)}"
    rejection, uncertainty = best.test.estimate("rejection_at_0.5")
    if np.isfinite(rejection):
        kept = with_uncertainty(rejection, uncertainty)
        text += f", and keeps one background event in {kept} at a signal efficiency of 50 %"
    return f"{text}."


def spread_text(spread: Spread) -> str:
    """Mean ± standard deviation with the number of seeds behind it."""
    if spread.n < 2:
        return number(spread.mean)
    return f"{with_uncertainty(spread.mean, spread.sd)} over {spread.n} seeds"


def short(values: Spread, significant: int = 3) -> str:
    """Mean ± standard deviation where there is one, without the number behind it."""
    if np.isfinite(values.sd) and values.sd > 0:
        return with_uncertainty(values.mean, values.sd)
    return number(values.mean, significant)


def lead_text(lead: Difference | None) -> str:
    """A difference with what it was judged by."""
    if lead is None:
        return "unknown"
    return f"{with_uncertainty(lead.value, lead.uncertainty)} ({lead.basis})"


def _ahead(lead: Difference | None) -> str:
    if lead is None:
        return "ahead of the next by a difference whose uncertainty is unknown (one seed each)"
    if not lead.is_clear:
        return f"not clearly ahead of the next: {lead_text(lead)}"
    return f"ahead of the next by {lead_text(lead)}"


def _how_one_ended(run: pd.Series) -> str:
    time = run.get("total_time_s")
    if run["status"] == "complete":
        return f"The run finished in {duration(time)}" if pd.notna(time) else "The run finished"
    return "The run crashed" if run["status"] == "crashed" else "The run stopped early"


def _end_of(run: Mapping[str, Any]) -> str:
    epochs: Any = run.get("epochs_run")
    after = f"after {counted(int(epochs), 'epoch')}" if pd.notna(epochs) else "before any epoch"
    if run["status"] == "crashed":
        return f"crashed {after}: {run.get('error') or 'no error was recorded'}"
    return f"stopped {after} without a word: killed, or still running"


def _failures(runs: pd.DataFrame, status: str, verb: str) -> str:
    n = int((runs["status"] == status).sum())
    return f"{n:,} {verb}" if n else ""
