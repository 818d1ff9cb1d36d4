"""Settings side by side: each seed a point, their mean and spread beside it, best on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import BEST, COLOURS, INK, WIDE, new_figure, plain
from thesis_reports.rounding import with_uncertainty

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 20
_TEXT = 9.5  # points
_ROW = 0.29  # inches
_LONGEST_LABEL = 46


@dataclass(frozen=True)
class SettingPoint:
    """A row of the figure.

    Attributes
    ----------
    label
        What was set.
    values : [n], one per seed
    mean, sd
        Of the values; `sd` is NaN for a single one.
    """

    label: str
    values: np.ndarray
    mean: float
    sd: float


def settings_data(points: Sequence[SettingPoint]) -> pd.DataFrame:
    """What `draw_settings` shows: a row per value, with mean and spread of its setting."""
    rows = [
        {"setting": point.label, "value": value, "mean": point.mean, "sd": point.sd}
        for point in points
        for value in point.values
    ]
    return pd.DataFrame(rows, columns=["setting", "value", "mean", "sd"])


def draw_settings(points: Sequence[SettingPoint], *, quantity: str) -> Figure:
    """A row per setting, at most `MOST_ROWS`, in the order given; the first one is the best."""
    shown = points[:MOST_ROWS]
    labels = [plain(point.label, _LONGEST_LABEL) for point in shown]
    figure, axes = new_figure(WIDE, 0.9 + _ROW * max(len(shown), 3))
    for row, point in enumerate(shown):
        colour = BEST if row == 0 else COLOURS[0]
        axes.errorbar(
            point.mean, row, xerr=None if np.isnan(point.sd) else point.sd,
            fmt="D", color=colour, markersize=5.5, capsize=3.5, linewidth=1.6, zorder=3,
        )  # fmt: skip
        if len(point.values) > 1:
            at = np.full(len(point.values), row + 0.22)
            axes.plot(point.values, at, "o", color=colour, markersize=3, alpha=0.75, zorder=2)
        axes.annotate(
            with_uncertainty(point.mean, point.sd),
            (1.015, row), xycoords=("axes fraction", "data"),
            va="center", fontsize=_TEXT, color=colour if row == 0 else INK, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), labels, fontsize=_TEXT)
    axes.set_ylim(len(shown) - 0.4, -0.6)  # best on top
    axes.tick_params(axis="y", which="both", length=0)
    axes.grid(axis="x", color="#e3e5ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.08)
    axes.set_xlabel(plain(quantity))
    return figure
