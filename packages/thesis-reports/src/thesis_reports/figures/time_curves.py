"""Values against the time that training took: what is reached how soon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.curves import Curve, curves_data, frame_of
from thesis_reports.figures.style import (
    BEST,
    COLOURS,
    MOST_COLOURED,
    QUIET,
    legend_above,
    new_figure,
    plain,
)
from thesis_reports.rounding import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNITS = ((10_800.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))  # from, seconds, name
_WIDE_RANGE = 20.0  # of values that a linear axis would press together
_SHORT = 12  # with fewer points than this, they are marked


def time_curves_data(curves: Mapping[str, Curve]) -> pd.DataFrame:
    """What `draw_time_curves` shows: a row per run and epoch, with seconds of training."""
    return curves_data(curves, {}, "seconds").drop(columns="split")


def draw_time_curves(curves: Mapping[str, Curve], *, quantity: str, best: str = "") -> Figure:
    """A line for each run, in the colour of its label.

    Parameters
    ----------
    curves
        By run, with seconds of training in place of epochs (`thesis_reports.elapsed.times_of`).
    quantity
        What the vertical axis shows; logarithmic where values range wide and are all above 0.
    best
        Label to bring out where there are too many for colours.
    """
    figure, axes = new_figure()
    labels = list(dict.fromkeys(curve.label for curve in curves.values()))
    crowded = len(labels) > MOST_COLOURED
    colours = {label: QUIET if crowded else COLOURS[i] for i, label in enumerate(labels)}
    if crowded and best in colours:
        colours[best] = BEST
    longest = max(float(curve.epochs.max()) for curve in curves.values())
    unit, name = next((unit, name) for start, unit, name in _UNITS if longest >= start)
    n_points = max(len(curve.epochs) for curve in curves.values())
    for curve in curves.values():
        stands_out = not crowded or curve.label == best
        axes.plot(
            curve.epochs / unit, curve.values, color=colours[curve.label],
            linewidth=1.4 if stands_out else 0.8, alpha=0.9 if stands_out else 0.7,
            marker="o" if stands_out and n_points < _SHORT else "", markersize=3,
            zorder=3 if stands_out else 2, rasterized=not stands_out and len(curves) > 40,
        )  # fmt: skip
    if crowded:
        axes.plot([], [], color=QUIET, linewidth=1.0, label=counted(len(labels), "group"))
        if best in labels:
            axes.plot([], [], color=BEST, label=plain(best))
    elif len(labels) > 1:
        for label, colour in colours.items():
            axes.plot([], [], color=colour, label=plain(label))
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves.values()])
    if values.min() > 0 and values.max() > _WIDE_RANGE * values.min():
        axes.set_yscale("log")
    else:
        frame = frame_of(list(curves.values()))
        room = 0.06 * (frame.upper - frame.lower) or 0.05 * max(abs(frame.upper), 1e-3)
        axes.set_ylim(frame.lower - room, frame.upper + room)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"training time ({name})")
    axes.set_ylabel(plain(quantity))
    legend_above(figure, axes)
    return figure
