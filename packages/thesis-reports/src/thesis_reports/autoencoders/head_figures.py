"""Figures of MET heads with captions that state their numbers, ready to be added to a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thesis_reports.autoencoders.event_errors import EventErrors
from thesis_reports.autoencoders.head_results import HeadResult
from thesis_reports.autoencoders.met_heads import BETA, LATENT
from thesis_reports.figures.grid import draw_grid, grid_data
from thesis_reports.figures.pareto import TradePoint, draw_trade, trade_data
from thesis_reports.figures.settings import SettingPoint, draw_settings, settings_data
from thesis_reports.naming import value_text
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number, with_uncertainty
from thesis_reports.statistics import spread


def add_globals(report: Report, found: Sequence[HeadResult], metric: str, split: str) -> None:
    """Error of MET of each head, in the order of the validation split."""
    title = "What is said of MET"
    known = sorted(
        (one for one in found if one.met is not None),
        key=lambda one: np.nan_to_num(one.met_val.mean, nan=np.inf),
    )
    if not known:
        report.not_drawn("globals", title, "No run has a head.")
        return
    points = [
        SettingPoint(one.head.label, one.met.values, *_mean_and_sd(one.met.values))
        for one in known
        if one.met is not None
    ]
    caption = f"{split} {metric} of {counted(len(points), 'group')}, in the order of the "
    caption += f"validation split. First: {points[0].label}, "
    caption += f"{with_uncertainty(points[0].mean, points[0].sd)}; a guess of the training mean "
    caption += "has about 1. Points are runs, diamonds their means, bars the standard deviation "
    caption += "over runs."
    report.figure(
        "globals",
        title,
        lambda: draw_settings(points, quantity=f"{split} {metric}"),
        caption,
        data=settings_data(points),
        wide=True,
    )


def add_trade(
    report: Report,
    found: Sequence[HeadResult],
    judged: EventErrors,
    metrics: tuple[str, str],
    split: str,
) -> None:
    """What the momenta lose against what MET gains; `metrics` are the error of MET, the cost."""
    title = "What it costs"
    met, cost = (judged.of_run[name] for name in metrics)
    points = []
    for one in found:
        runs = [run for run in one.head.runs.run_dirs if run in met and run in cost]
        if one.met is not None and runs:
            x, y = (np.array([of_run[run] for run in runs]) for of_run in (cost, met))
            points.append(TradePoint(one.head.label, x, y))
    if not points:
        report.not_drawn("trade", title, f"No run with a head has both {' and '.join(metrics)}.")
        return
    without = [one for one in found if not one.head.has_head and one.cost is not None]
    line = None
    if len(without) == 1 and without[0].cost is not None:
        line = (*_mean_and_sd(without[0].cost.values), without[0].head.label)
    lowest = min(points, key=lambda point: point.mean[1])
    caption = f"{split} {metrics[0]} against {metrics[1]}; lower is better in both. {lowest.label} "
    caption += f"has {with_uncertainty(lowest.mean[1], lowest.sd[1])} and "
    caption += f"{with_uncertainty(lowest.mean[0], lowest.sd[0])}"
    if line is not None:
        caption += f"; without a head {metrics[1]} is {with_uncertainty(line[0], line[1])} "
        caption += "(dotted, with the standard deviation over runs)"
    caption += ". Small points are runs, large ones their means, bars standard deviations."
    report.figure(
        "trade",
        title,
        lambda: draw_trade(
            points,
            x_quantity=f"{split} {metrics[1]}",
            y_quantity=f"{split} {metrics[0]}",
            x_line=line,
        ),
        caption,
        data=trade_data(points),
    )


def add_grid(report: Report, found: Sequence[HeadResult], metric: str, split: str) -> None:
    """Error of MET by weight of the head and latent space, where both were varied."""
    known = [one for one in found if one.met is not None and LATENT in one.head.runs.values]
    rows = list(dict.fromkeys(value_text(one.head.beta) for one in known))
    columns = list(dict.fromkeys(value_text(one.head.runs.values[LATENT]) for one in known))
    if len(rows) < 2 or len(columns) < 2:
        return
    title = "Weight of the head and latent space"
    if any(set(one.head.runs.values) - {BETA, LATENT} for one in known):
        reason = "More than the head and the latent space was varied."
        report.not_drawn("grid", title, reason)
        return
    fields = {
        (value_text(one.head.beta), value_text(one.head.runs.values[LATENT])): spread(
            one.met.values
        )
        for one in known
        if one.met is not None
    }
    lowest = min(fields, key=lambda field: fields[field].mean)
    caption = f"{split} {metric}, mean ± standard deviation over runs. Lowest: β = {lowest[0]}, "
    caption += f"{lowest[1]} with {number(fields[lowest].mean)}."
    report.figure(
        "grid",
        title,
        lambda: draw_grid(
            fields, rows, columns, axes_names=(BETA, LATENT), quantity=f"{split} {metric}"
        ),
        caption,
        data=grid_data(fields, (BETA, LATENT)),
    )


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    found = spread(values)
    return found.mean, found.sd
