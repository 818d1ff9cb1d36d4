"""Figures that compare groups of runs, with captions that state their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thesis_reports.comparison import LEVEL, Comparison, Group
from thesis_reports.elapsed import times_of
from thesis_reports.figures.differences import differences_data, draw_differences
from thesis_reports.figures.grid import draw_grid, grid_data
from thesis_reports.figures.settings import SettingPoint, draw_settings, settings_data
from thesis_reports.figures.time_curves import draw_time_curves, time_curves_data
from thesis_reports.groups import AxisGroup
from thesis_reports.naming import value_text
from thesis_reports.ranking import Metric
from thesis_reports.report import Report
from thesis_reports.rounding import counted, duration, number, p_text, signed, with_uncertainty
from thesis_reports.statistics import spread


def add_groups(report: Report, groups: Sequence[Group], metric: Metric, quantity: str) -> None:
    """Groups side by side, each with its runs."""
    spreads = [(group, spread(group.values)) for group in groups]
    sign = -1 if metric.higher_is_better else 1
    spreads.sort(key=lambda pair: sign * pair[1].mean)
    points = [SettingPoint(g.name, g.values, s.mean, s.sd) for g, s in spreads]
    caption = f"{quantity} of {counted(len(points), 'group')}. Highest place: {points[0].label}, "
    caption += f"{with_uncertainty(points[0].mean, points[0].sd)}. Points are runs, diamonds their "
    caption += "means, bars the standard deviation over runs."
    report.figure(
        "groups",
        "Groups",
        lambda: draw_settings(points, quantity=quantity),
        caption,
        data=settings_data(points),
        wide=True,
    )


def add_differences(
    report: Report,
    rows: Sequence[Comparison],
    base: Group,
    quantity: str,
    *,
    with_events: bool,
) -> None:
    """Each group minus the base, beside what could have been seen."""
    title = "Differences"
    if not rows:
        report.not_drawn("differences", title, "There is only one group.")
        return
    largest = max(rows, key=lambda row: abs(row.difference))
    caption = f"Mean {quantity} minus that of {base.name}. Largest: {largest.name}, "
    caption += signed(largest.difference, largest.error)
    if np.isfinite(largest.p_holm):
        counted_in = "events and seeds together" if with_events else "seeds alone"
        caption += f", p = {p_text(largest.p_holm)} after Holm's correction. Bars are one standard "
        caption += f"deviation of {counted_in}; in the grey zone a difference would be missed more "
        caption += "often than in one case of five, before correction. Red diamonds are below "
        caption += f"{LEVEL:g}"
    caption += "."
    report.figure(
        "differences",
        title,
        lambda: draw_differences(rows, quantity=quantity),
        caption,
        data=differences_data(rows),
        wide=True,
    )


def add_grid(
    report: Report,
    groups: Sequence[AxisGroup],
    judged: Sequence[Group],
    metric: Metric,
    quantity: str,
) -> None:
    """A field for each pair of values of two axes."""
    first, second = groups[0].values
    of_group = {group.name: spread(group.values) for group in judged}
    texts = [
        (value_text(group.values[first]), value_text(group.values[second]), group.label)
        for group in groups
    ]
    fields = {(row, column): of_group[name] for row, column, name in texts if name in of_group}
    rows = list(dict.fromkeys(row for row, _, _ in texts))
    columns = list(dict.fromkeys(column for _, column, _ in texts))
    best = (max if metric.higher_is_better else min)(fields, key=lambda field: fields[field].mean)
    caption = f"{quantity}, mean ± standard deviation over runs. Best: {first}={best[0]}, "
    caption += f"{second}={best[1]} with {number(fields[best].mean)}."
    report.figure(
        "grid",
        f"{first} and {second}",
        lambda: draw_grid(fields, rows, columns, axes_names=(first, second), quantity=quantity),
        caption,
        data=grid_data(fields, (first, second)),
    )


def add_times(report: Report, groups: Sequence[AxisGroup], metric: Metric) -> None:
    """The validation metric of each run against the time that its training took."""
    title = f"{metric.label} against time"
    labels = {run: group.label for group in groups for run in group.run_dirs}
    is_loss = metric.name == "loss"
    curves = times_of(report.epochs, "val_loss" if is_loss else metric.per_epoch, "val", labels)
    if not curves:
        report.not_drawn("time", title, "The times of epochs are not known.")
        return
    longest = spread([float(curve.epochs.max()) for curve in curves.values()])
    caption = f"Validation {metric.label} of {counted(len(curves), 'run')} against the seconds "
    caption += f"that training passes took; a run took {duration(longest.mean)} on average. "
    caption += "Times compare only between runs of one machine that had it to themselves."
    quantity = f"validation {metric.label}"
    report.figure(
        "time",
        title,
        lambda: draw_time_curves(curves, quantity=quantity),
        caption,
        data=time_curves_data(curves),
    )
