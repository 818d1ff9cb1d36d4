"""Efficiencies of signal and background against what was measured of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import COLOURS, HEIGHT, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = {"signal": r"signal efficiency", "background": r"background eff."}


def draw_efficiency(
    data: pd.DataFrame, *, quantity: str, efficiency: float, by_label: bool = False
) -> Figure:
    """Signal above, background below, a colour per model, points side by side in each bin.

    Parameters
    ----------
    data
        As `efficiency_by_slice` of `thesis_reports.classifiers.slices`, with a column ``model``.
    quantity
        The variable, with its unit.
    efficiency
        Overall signal efficiency, drawn as a line.
    by_label
        Bins stand side by side under their labels, as counts do, in place of a scale.
    """
    figure, axes = new_figure(height=HEIGHT + 1.4)
    figure.delaxes(axes)
    panels = figure.subplots(2, 1, sharex=True)
    names = list(data["model"].unique())
    bins = data[["slice", "low", "high"]].drop_duplicates().sort_values("low")
    if by_label:
        place = dict(zip(bins["slice"], range(len(bins)), strict=True))
        data = data.assign(low=data["slice"].map(place) - 0.5, high=data["slice"].map(place) + 0.5)
    spacing = float((data["high"] - data["low"]).median())
    offsets = (np.arange(len(names)) - (len(names) - 1) / 2) * 0.6 * spacing / max(len(names), 2)
    for axes, (sample, label) in zip(panels, _PANELS.items(), strict=True):
        for name, colour, offset in zip(names, COLOURS, offsets, strict=False):
            rows = data[(data["model"] == name) & (data["sample"] == sample)]
            width = rows["high"] - rows["low"]
            at = (rows["low"] + rows["high"]) / 2 + offset * np.minimum(width / spacing, 1)
            value = rows["efficiency"]
            axes.errorbar(
                at, value, xerr=(at - rows["low"], rows["high"] - at), fmt="none",
                ecolor=colour, elinewidth=0.7, alpha=0.45,
            )  # fmt: skip
            axes.errorbar(
                at, value,
                yerr=(np.maximum(value - rows["lower"], 0), np.maximum(rows["upper"] - value, 0)),
                fmt="o", color=colour, markersize=4.2, elinewidth=1.2, capsize=2,
                label=plain(name),
            )  # fmt: skip
        axes.set_ylabel(label)
        lowest = data.loc[data["sample"] == sample, "lower"].min()
        axes.margins(y=0.12)
        axes.set_ylim(bottom=min(0.0, float(np.nan_to_num(lowest))))  # signed weights
    panels[0].axhline(efficiency, color="#7b818c", linestyle=":", linewidth=1.2, zorder=0)
    panels[0].set_ylim(top=1)
    panels[1].set_xlabel(quantity)
    panels[1].set_xlim(data["low"].min(), data["high"].max())
    if by_label:
        panels[1].set_xticks(range(len(bins)), list(bins["slice"]))
        for axes in panels:
            axes.xaxis.minorticks_off()
    legend_above(figure, panels[0])
    return figure
