"""Rejection of each background process, models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_rejection(data: pd.DataFrame, *, efficiency: float) -> Figure:
    """A group of points per background, a colour per model; arrows are lower limits.

    Parameters
    ----------
    data
        ``model``, ``background``, ``rejection`` with its interval ``lower``, ``upper``, and
        ``is_limit`` (the rejection is a lower limit).
    efficiency
        Signal efficiency of the cut.
    """
    figure, axes = new_figure()
    models, backgrounds = list(data["model"].unique()), list(data["background"].unique())
    offsets = (np.arange(len(models)) - (len(models) - 1) / 2) * 0.6 / max(len(models), 2)
    for model, colour, offset in zip(models, COLOURS, offsets, strict=False):
        rows = data[(data["model"] == model) & data["rejection"].notna()]
        at = np.array([backgrounds.index(name) for name in rows["background"]]) + offset
        for is_limit in (False, True):
            chosen = (rows["is_limit"] == is_limit).to_numpy()
            value = rows["rejection"][chosen]
            axes.errorbar(
                at[chosen], value,
                yerr=0.35 * value if is_limit else (
                    value - rows["lower"][chosen], rows["upper"][chosen] - value
                ),
                lolims=is_limit, fmt="_" if is_limit else "o", color=colour, markersize=5,
                elinewidth=1.3, capsize=3, label="" if is_limit else plain(model),
            )  # fmt: skip
    for between in range(1, len(backgrounds)):
        axes.axvline(between - 0.5, color="#e3e5ea", linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    axes.set_xticks(range(len(backgrounds)), [plain(name, 14) for name in backgrounds])
    axes.tick_params(axis="x", which="both", length=0)
    axes.set_xlim(-0.5, len(backgrounds) - 0.5)
    axes.margins(y=0.15)
    axes.set_ylabel(rf"rejection $1/\varepsilon_B$ at $\varepsilon_S = {efficiency:g}$")
    axes.grid(axis="y", which="major", color="#e9ebef", linewidth=0.8)
    axes.set_axisbelow(True)
    legend_above(figure, axes)
    return figure
