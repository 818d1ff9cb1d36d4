"""Figures of tokenizers with captions that state their numbers, ready to be added to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from thesis_reports.autoencoders.tokenizer_tables import times_of_threshold
from thesis_reports.autoencoders.tokenizers import Tokenizer
from thesis_reports.elapsed import times_of
from thesis_reports.figures.curves import curves_data, draw_curves
from thesis_reports.figures.pareto import TradePoint, draw_trade, trade_data
from thesis_reports.figures.settings import SettingPoint, draw_settings, settings_data
from thesis_reports.figures.time_curves import draw_time_curves, time_curves_data
from thesis_reports.histories import curves
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number, with_uncertainty
from thesis_reports.statistics import spread


def add_pareto(
    report: Report, found: Sequence[Tokenizer], front: Sequence[bool], metric: str, split: str
) -> None:
    """Error against bits per event; `front` is that of the validation split."""
    title = "Error against bits"
    points = [
        TradePoint(one.label, one.bits, one.test.values, one.ideal_bits.mean, on_front)
        for one, on_front in zip(found, front, strict=True)
        if np.isfinite(one.mean_bits)
    ]
    if not points:
        report.not_drawn("pareto", title, "How many bits are kept of an event is unknown.")
        return
    on_front = [one for one in points if one.on_front]
    named = ", ".join(
        f"{point.label} ({number(point.mean[0], 3)} bits, "
        f"{with_uncertainty(point.mean[1], point.sd[1])})"
        for point in on_front
    )
    caption = f"{split} {metric} of {counted(len(points), 'tokenizer')} against bits per event. "
    caption += f"On the front, by validation errors: {named}. Bars are standard deviations over "
    caption += "runs, small points the runs."
    if any(np.isfinite(point.least_x) for point in points):
        caption += " Hollow: the bits that an ideal coder of the codes needs."
    of_input = [one.input_bits for one in found if np.isfinite(one.input_bits)]
    line = None
    if of_input and np.allclose(of_input, of_input[0]):
        line = (of_input[0], np.nan, "momenta as they are")
        caption += f" The momenta themselves, in numbers of 32 bits, take {number(of_input[0], 4)}."
    unknown = [one.label for one in found if not np.isfinite(one.mean_bits)]
    if unknown:
        caption += f" Not shown, for their bits are unknown: {', '.join(unknown)}."
    report.figure(
        "pareto",
        title,
        lambda: draw_trade(
            points, x_quantity="bits per event", y_quantity=f"{split} {metric}", x_line=line
        ),
        caption,
        data=trade_data(points),
    )


def add_error_time(
    report: Report,
    epochs: pd.DataFrame,
    labels: Mapping[str, str],
    order: Sequence[str],
    metric: str,
) -> None:
    """Validation error against seconds of training, a line for each run.

    `order` are labels, best first: they have the same colours in all figures.
    """
    title = "Error against time"
    found = times_of(epochs, f"metric_{metric}", "val", labels)
    rank = {label: i for i, label in enumerate(order)}
    runs = sorted(found, key=lambda run: rank.get(found[run].label, len(rank)))
    found = {run: found[run] for run in runs}
    if not found:
        reason = f"No run has both {metric} of its validation events by epoch and times."
        report.not_drawn("error_time", title, reason)
        return
    lowest = {run: float(np.nanmin(curve.values)) for run, curve in found.items()}
    run = min(lowest, key=lambda one: lowest[one])
    curve = found[run]
    at = float(curve.epochs[int(np.nanargmin(curve.values))])
    caption = f"Validation {metric} of {counted(len(found), 'run')} against the time that training "
    caption += f"passes took, without validation. Lowest: {number(lowest[run])} after "
    caption += f"{number(at, 3)} s, {curve.label}."
    missing = len(labels) - len(found)
    if missing:
        caption += f" {counted(missing, 'run')} without such values or times "
        caption += f"{'is' if missing == 1 else 'are'} not shown."
    report.figure(
        "error_time",
        title,
        lambda: draw_time_curves(found, quantity=f"validation {metric}", best=order[0]),
        caption,
        data=time_curves_data(found),
    )


def add_perplexity(
    report: Report, epochs: pd.DataFrame, labels: Mapping[str, str], found: Sequence[Tokenizer]
) -> None:
    """Perplexity of the codes over epochs, where there are any."""
    title = "Perplexity of the codes"
    with_codes = [one for one in found if one.has_codebook]
    of_codes = {run: labels[run] for one in with_codes for run in one.run_dirs}
    rows = epochs[epochs["run_dir"].isin(of_codes)]
    of_run = curves(rows, "metric_perplex", "val", of_codes)
    shown = {run: of_run[run] for run in of_codes if run in of_run}  # in the order of the groups
    if not shown:
        reason = "No tokenizer has a codebook."
        if with_codes:
            reason = "No run with a codebook has recorded the perplexity of its codes."
        report.not_drawn("perplexity", title, reason)
        return
    ends = "; ".join(
        f"{one.label} {with_uncertainty(one.perplexity.mean, one.perplexity.sd)}, with "
        f"{with_uncertainty(one.codes_used.mean, one.codes_used.sd)} codes used"
        for one in with_codes
    )
    caption = "How many codes would say as much if all were used alike, validation events. At the "
    caption += f"best epoch: {ends}."
    report.figure(
        "perplexity",
        title,
        lambda: draw_curves(shown, {}, quantity="perplexity"),
        caption,
        data=curves_data(shown, {}),
    )


def add_throughput(report: Report, found: Sequence[Tokenizer]) -> None:
    """Training events per second."""
    title = "Throughput"
    table = report.runs.set_index("run_dir")
    known = [one for one in found if one.throughput.n]
    if not known:
        report.not_drawn("throughput", title, "No run has recorded its throughput.")
        return
    known.sort(key=lambda one: -one.throughput.mean)
    points = [
        SettingPoint(
            one.label,
            table["throughput_mean"].reindex(list(one.run_dirs)).dropna().to_numpy(dtype=float),
            one.throughput.mean,
            one.throughput.sd,
        )
        for one in known
    ]
    first, last = points[0], points[-1]
    caption = "Training events per second, mean over epochs; fastest first. "
    caption += f"{first.label}: {with_uncertainty(first.mean, first.sd)}"
    if last is not first:
        caption += f", {last.label}: {with_uncertainty(last.mean, last.sd)}"
    caption += ". Whatever else the machine did counts as well."
    report.figure(
        "throughput",
        title,
        lambda: draw_settings(points, quantity="training events per second"),
        caption,
        data=settings_data(points),
        wide=True,
    )


def add_time_to_threshold(report: Report, found: Sequence[Tokenizer], times: pd.DataFrame) -> None:
    """Seconds until thresholds are reached, where there are any."""
    if not len(times.columns):
        return
    title = "Time to threshold"
    points, never = [], []
    for label in times:
        threshold = str(label).removeprefix("time to ").removesuffix(" (s)")
        for one in found:
            seconds = times_of_threshold(times, str(label), one)
            name = f"{one.label}: {threshold}" if len(times.columns) > 1 else one.label
            missed = len(one.run_dirs) - len(seconds)
            if missed:
                never.append(f"{name} ({missed} of {counted(len(one.run_dirs), 'run')})")
            if len(seconds):
                known = spread(seconds)
                points.append(SettingPoint(name, seconds, known.mean, known.sd))
    if not points:
        report.not_drawn("time_to_threshold", title, "No run reaches a threshold.")
        return
    points.sort(key=lambda point: point.mean)
    wanted = ", ".join(str(one).removeprefix("time to ").removesuffix(" (s)") for one in times)
    caption = f"Seconds of training until {wanted}, in whole epochs. Soonest: {points[0].label}, "
    caption += f"{with_uncertainty(points[0].mean, points[0].sd)} s."
    if never:
        caption += f" Not reached by {'; '.join(never)}."
    report.figure(
        "time_to_threshold",
        title,
        lambda: draw_settings(points, quantity="seconds of training"),
        caption,
        data=settings_data(points),
        wide=True,
    )
