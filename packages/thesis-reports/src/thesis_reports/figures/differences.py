"""Differences to a base, each with its uncertainty and with what could have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.comparison import Comparison
from thesis_reports.figures.style import BEST, COLOURS, QUIET, WIDE, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 30
_TEXT = 9.5  # points
_ROW = 0.29  # inches
_LONGEST_LABEL = 46


def differences_data(rows: Sequence[Comparison]) -> pd.DataFrame:
    """What `draw_differences` shows, a row per comparison."""
    return pd.DataFrame([{**asdict(row), "error": row.error} for row in rows])


def draw_differences(
    rows: Sequence[Comparison], *, quantity: str, base: str = "that of the base"
) -> Figure:
    """A row per comparison, at most `MOST_ROWS`; in the grey zone one in five is missed."""
    shown = rows[:MOST_ROWS]
    figure, axes = new_figure(WIDE, 0.9 + _ROW * max(len(shown), 3))
    for row, one in enumerate(shown):
        reach = np.nan_to_num(one.detectable)
        axes.barh(
            row, 2 * reach, left=-reach, height=0.62, color=QUIET, alpha=0.35, linewidth=0
        )  # fmt: skip
        axes.errorbar(
            one.difference, row, xerr=one.error, fmt="D" if one.is_found else "o",
            color=BEST if one.is_found else COLOURS[0], markersize=5.5, capsize=3.5,
            linewidth=1.6, zorder=3,
        )  # fmt: skip
    axes.axvline(0, color="#7b818c", linewidth=1.2, zorder=1)
    axes.set_yticks(
        range(len(shown)), [plain(one.name, _LONGEST_LABEL) for one in shown], fontsize=_TEXT
    )
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_axisbelow(True)
    axes.set_xlabel(plain(f"{quantity} minus {base}", 70))
    return figure
