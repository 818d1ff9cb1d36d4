"""Two quantities against each other, both better when small: what one costs in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import COLOURS, INK, QUIET, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^")
_MOST_NAMED = len(COLOURS) * len(_MARKERS)
_WIDE_RANGE = 20.0  # of values that a linear axis would press together


@dataclass(frozen=True)
class TradePoint:
    """A group of runs.

    Attributes
    ----------
    label
        What they have in common.
    x, y : [n] each
        Of its runs.
    least_x
        What x could be at best, NaN where that is unknown.
    on_front
        No other group is better in one quantity and not worse in the other.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    least_x: float = np.nan
    on_front: bool = False

    @property
    def mean(self) -> tuple[float, float]:
        """Of both, over runs."""
        return float(self.x.mean()), float(self.y.mean())

    @property
    def sd(self) -> tuple[float, float]:
        """Of both, over runs; NaN for a single one."""
        if len(self.x) < 2:
            return np.nan, np.nan
        return float(self.x.std(ddof=1)), float(self.y.std(ddof=1))


def pareto_front(x: Sequence[float], y: Sequence[float]) -> list[bool]:
    """Which points no other one beats: smaller in one of [n] x and y, not larger in the other.

    >>> pareto_front([1, 2, 3], [3, 1, 2])
    [True, True, False]
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    no_worse = (a[:, None] <= a) & (b[:, None] <= b)  # row against column
    better = (a[:, None] < a) | (b[:, None] < b)
    known = np.isfinite(a) & np.isfinite(b)
    return [bool(one) for one in known & ~(no_worse & better).any(axis=0)]


def trade_data(points: Sequence[TradePoint]) -> pd.DataFrame:
    """What `draw_trade` shows: a row per run, with mean and spread of its group."""
    rows = [
        {
            "group": point.label, "x": x, "y": y,
            "x_mean": point.mean[0], "y_mean": point.mean[1],
            "x_sd": point.sd[0], "y_sd": point.sd[1],
            "x_at_best": point.least_x, "on_front": point.on_front,
        }
        for point in points
        for x, y in zip(point.x, point.y, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def draw_trade(
    points: Sequence[TradePoint],
    *,
    x_quantity: str,
    y_quantity: str,
    x_line: tuple[float, float, str] | None = None,
    y_line: tuple[float, float, str] | None = None,
) -> Figure:
    """Means with their spread over runs, the runs themselves small, and the front as steps.

    Axes are logarithmic where values range wide and are all above 0.

    Parameters
    ----------
    points
        Groups of runs; with more than can be told apart those off the front are grey.
    x_quantity, y_quantity
        What the axes show.
    x_line, y_line
        A value to compare with, its standard deviation (or NaN), and what it is.
    """
    figure, axes = new_figure()
    _set_scales(axes, points, x_line, y_line)
    crowded = len(points) > _MOST_NAMED
    named = [point for point in points if point.on_front] if crowded else list(points)
    others = [point for point in points if crowded and not point.on_front]
    for i, point in enumerate(named[:_MOST_NAMED]):
        marker = _MARKERS[i // len(COLOURS)]
        _draw_point(axes, point, COLOURS[i % len(COLOURS)], marker, plain(point.label))
    for i, point in enumerate([*named[_MOST_NAMED:], *others]):
        _draw_point(axes, point, QUIET, "o", "other groups" if i == 0 else "")
    front = sorted(point.mean for point in points if point.on_front)
    if len(front) > 1:
        axes.plot(
            *zip(*front, strict=True), drawstyle="steps-post", color=INK, linewidth=1.0,
            linestyle="--", alpha=0.6, zorder=1, label="Pareto front",
        )  # fmt: skip
    if x_line is not None:
        _draw_line(axes, x_line, is_vertical=True)
    if y_line is not None:
        _draw_line(axes, y_line, is_vertical=False)
    axes.margins(0.1)
    axes.set_xlabel(plain(x_quantity))
    axes.set_ylabel(plain(y_quantity))
    legend_above(figure, axes)
    return figure


def _set_scales(
    axes: Axes,
    points: Sequence[TradePoint],
    x_line: tuple[float, float, str] | None,
    y_line: tuple[float, float, str] | None,
) -> None:
    xs = np.concatenate([point.x for point in points] + [[x_line[0]] if x_line else []])
    ys = np.concatenate([point.y for point in points] + [[y_line[0]] if y_line else []])
    for values, set_scale in ((xs, axes.set_xscale), (ys, axes.set_yscale)):
        if values.min() > 0 and values.max() > _WIDE_RANGE * values.min():
            set_scale("log")


def _draw_point(axes: Axes, point: TradePoint, colour: str, marker: str, label: str) -> None:
    (x, y), (x_sd, y_sd) = point.mean, point.sd
    axes.errorbar(
        x, y, xerr=x_sd if x_sd > 0 else None, yerr=y_sd if y_sd > 0 else None,
        fmt=marker, color=colour, markersize=6.5, capsize=3, linewidth=1.4, zorder=4,
    )  # fmt: skip
    if label:  # a line, as the others of the legend are: so they keep their order
        axes.plot([], [], marker, color=colour, markersize=6.5, label=label)
    if len(point.x) > 1:
        axes.plot(point.x, point.y, marker, color=colour, markersize=3, alpha=0.6, zorder=3)
    if np.isfinite(point.least_x):
        axes.plot(
            point.least_x, y, marker, color=colour, markerfacecolor="white", markersize=6.5,
            zorder=3,
        )  # fmt: skip


def _draw_line(axes: Axes, line: tuple[float, float, str], *, is_vertical: bool) -> None:
    at, sd, label = line
    draw, fill = (axes.axvline, axes.axvspan) if is_vertical else (axes.axhline, axes.axhspan)
    if sd > 0:
        fill(at - sd, at + sd, color=INK, alpha=0.1, linewidth=0, zorder=0)
    draw(at, color="#7b818c", linestyle=":", linewidth=1.4, zorder=1, label=plain(label))
