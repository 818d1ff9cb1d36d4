"""A metric in slices of several variables, models side by side, with the events of each slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import COLOURS, QUIET, WIDTH, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.25  # inches
_GAP = 0.7  # rows between variables
_TEXT = 10.0


def draw_slices(data: pd.DataFrame, *, signal: str) -> Figure:
    """A row per slice, a group of rows per variable; on the right the events of each class.

    Parameters
    ----------
    data
        As `auroc_by_slice` of `thesis_reports.classifiers.slices`, with ``model``, ``variable``.
        Slices without AUROC keep their row, empty.
    signal
        Name of the signal class.
    """
    models = list(data["model"].unique())
    first = data[data["model"] == models[0]]
    places, at = {}, 0.0
    for _, rows in first.groupby("variable", sort=False):
        for variable, label in zip(rows["variable"], rows["slice"], strict=True):
            places[variable, label] = at
            at += 1
        at += _GAP
    figure, axes = new_figure(WIDTH, 1.1 + _ROW * at)
    offsets = (np.arange(len(models)) - (len(models) - 1) / 2) * 0.66 / max(len(models), 2)
    for model, colour, offset in zip(models, COLOURS, offsets, strict=False):
        rows = data[(data["model"] == model) & data["auroc"].notna()]
        row_at = [places[key] + offset for key in zip(rows["variable"], rows["slice"], strict=True)]
        axes.errorbar(
            rows["auroc"], row_at, xerr=rows["error"], fmt="o", color=colour,
            markersize=3.8, elinewidth=1.2, capsize=0, label=plain(model),
        )  # fmt: skip
    for variable, label, n_signal, n_background, area in zip(
        first["variable"], first["slice"], first["n_signal"], first["n_background"],
        first["auroc"], strict=True,
    ):  # fmt: skip
        text = f"{n_signal:,.0f} | {n_background:,.0f}"
        axes.annotate(
            text, (1.02, places[variable, label]), xycoords=("axes fraction", "data"),
            va="center", fontsize=_TEXT - 0.5, annotation_clip=False,
            color=QUIET if np.isnan(area) else "black",
        )  # fmt: skip
    axes.annotate(
        f"events\n{plain(signal, 10)} | rest", (1.02, 1.0), xycoords="axes fraction",
        xytext=(0, 3), textcoords="offset points", va="bottom", fontsize=_TEXT - 0.5,
    )  # fmt: skip
    axes.set_yticks(
        list(places.values()),
        [f"{variable} {label}" for variable, label in places],
        fontsize=_TEXT,
    )
    axes.set_ylim(at - _GAP - 0.4, -0.6)
    axes.tick_params(axis="y", which="both", length=0)
    axes.grid(axis="x", color="#e3e5ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.06)
    axes.set_xlabel(f"AUROC of {plain(signal, 24)} within the slice")
    legend_above(figure, axes)
    return figure
