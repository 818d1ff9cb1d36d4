"""The table of runs: what each was, how it ended, what it reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from thesis_reports.aggregation import Setting, SettingResult
from thesis_reports.naming import value_text
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import Metric
from thesis_reports.report import Report
from thesis_reports.rounding import duration, number, with_uncertainty
from thesis_reports.sentences import why_not_finished
from thesis_reports.thresholds import times_to_thresholds

_MOST_SETTINGS = 8  # columns of varied settings on the page; summary.csv has all
_STATUS = {"complete": "✓ complete", "crashed": "✕ crashed", "incomplete": "… incomplete"}


def runs_overview(
    runs: pd.DataFrame, settings: Sequence[Setting], times: pd.DataFrame
) -> pd.DataFrame:
    """The runs table with the setting under which each run is aggregated, and its times.

    Parameters
    ----------
    runs
        See `thesis_reports.selection.SelectedRuns`.
    settings
        Each run belongs to one.
    times
        See `thesis_reports.thresholds.times_to_thresholds`.
    """
    labels = {run: setting.label for setting in settings for run in setting.run_dirs}
    taken = {label: runs["run_dir"].map(times[label]) for label in times}
    return runs.assign(setting=runs["run_dir"].map(labels), **taken)


def add_runs(report: Report, settings: Sequence[Setting], metric: Metric) -> pd.DataFrame:
    """Show the runs with their times to thresholds, and those that did not finish.

    Returns
    -------
    DataFrame
        See `runs_overview`.
    """
    times = times_to_thresholds(report.epochs, report.config.thresholds)
    overview = runs_overview(report.runs, settings, times)
    if len(overview):
        report.table(runs_table(overview, settings, metric, None, list(times)))
    report.reasons("Runs that did not finish", why_not_finished(report.runs))
    return overview


def runs_table(
    overview: pd.DataFrame,
    settings: Sequence[Setting],
    metric: Metric,
    best: str | None,
    times: Sequence[str] = (),
) -> Table:
    """The overview as a page shows it, best validation value first.

    Parameters
    ----------
    overview
        See `runs_overview`.
    settings
        The varied settings become columns.
    metric
        Sorts the rows.
    best
        Directory of the run to bring out.
    times
        Columns of `overview` with times to thresholds.
    """
    if metric.column in overview:
        overview = overview.sort_values(
            metric.column, ascending=not metric.higher_is_better, na_position="last", kind="stable"
        )
    values = {run: setting.values for setting in settings for run in setting.run_dirs}
    varied = list(settings[0].values) if settings else []
    columns = [Column("run", list(overview["name"]), hints=list(overview["run_dir"]))]
    columns += [
        Column(name, [values[run][name] for run in overview["run_dir"]], value_text)
        for name in varied[:_MOST_SETTINGS]
    ]
    columns += _outcome(overview, metric)
    columns += [Column(label, list(overview[label]), duration) for label in times]
    caption = "Validation values are those at the best epoch."
    if best is not None and len(overview) > 1:
        caption += " The run in red is the best one of the setting with the best mean over seeds."
    hidden = len(varied) - _MOST_SETTINGS
    if hidden > 0:
        caption += f" {hidden} more varied settings are in summary.csv."
    rows = enumerate(overview["run_dir"])
    return Table(
        "Runs" if len(overview) > 1 else "The run",
        columns,
        caption,
        highlighted=frozenset(row for row, run in rows if run == best),
        sorted_by=(f"val {metric.label}", _direction(metric)),
    )


def settings_table(
    results: Sequence[SettingResult], metric: Metric, names: Mapping[str, str]
) -> Table:
    """Settings with the metric over their seeds, best first.

    Parameters
    ----------
    results
        See `thesis_reports.aggregation.summarise`.
    metric
        What the settings are compared by.
    names
        Name of each run directory.
    """
    spreads = [result.metric for result in results]
    label = f"val {metric.label}"
    columns = [
        Column("setting", [result.setting.label for result in results]),
        Column("seeds", [spread.n for spread in spreads], _whole),
        Column(
            label,
            [spread.mean for spread in spreads],
            texts=[with_uncertainty(spread.mean, spread.sd) for spread in spreads],
            hint="mean ± standard deviation over seeds",
        ),
        Column("best run", [names[result.best_run] for result in results]),
    ]
    return Table(
        "Settings",
        columns,
        "Mean ± standard deviation over the seeds of each setting, at the best epoch of each run.",
        highlighted=frozenset({0}),
        sorted_by=(label, _direction(metric)),
    )


def _outcome(overview: pd.DataFrame, metric: Metric) -> list[Column]:
    # without test values: a column that can be sorted by them would invite choosing by them
    columns = [
        Column("seed", _cells(overview, "seed"), _whole),
        Column("status", list(overview["status"]), lambda status: _STATUS.get(status, status)),
        Column(f"val {metric.label}", _cells(overview, metric.column), number),
    ]
    if metric.name != "loss":
        columns.append(Column("val loss", _cells(overview, "loss.total_best"), number))
    columns += [
        Column("best epoch", _cells(overview, "best_epoch"), lambda epoch: _whole(epoch + 1)),
        Column("epochs run", _cells(overview, "epochs_run"), _whole),
        Column("time", _cells(overview, "total_time_s"), duration),
    ]
    return [column for column in columns if any(pd.notna(value) for value in column.values)]


def _cells(overview: pd.DataFrame, column: str) -> list[Any]:
    if column not in overview:
        return [None] * len(overview)
    return [None if pd.isna(value) else value for value in overview[column]]


def _whole(value: Any) -> str:
    return f"{int(value)}"


def _direction(metric: Metric) -> str:
    return "descending" if metric.higher_is_better else "ascending"
