"""Background rejection against signal efficiency, the field's form of the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import COLOURS, HEIGHT, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RocLine:
    """One curve.

    Attributes
    ----------
    label
        What the legend says.
    signal_efficiency : [M], increasing
    background_efficiency : [M], with its 68 % interval `lower`, `upper` : [M]
    points : (eps_S, 1/eps_B, uncertainty) of each working point; the last may be NaN
    """

    label: str
    signal_efficiency: np.ndarray
    background_efficiency: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    points: Sequence[tuple[float, float, float]] = ()


def roc_data(lines: Sequence[RocLine]) -> pd.DataFrame:
    """What `draw_roc` shows: points of the curves, and working points with their uncertainty."""
    parts = []
    for line in lines:
        parts.append(
            pd.DataFrame(
                {
                    "label": line.label,
                    "kind": "curve",
                    "signal_efficiency": line.signal_efficiency,
                    "background_efficiency": line.background_efficiency,
                    "lower": line.lower,
                    "upper": line.upper,
                }
            )
        )
        for efficiency, rejection, uncertainty in line.points:
            parts.append(
                pd.DataFrame(
                    {
                        "label": [line.label],
                        "kind": "working point",
                        "signal_efficiency": efficiency,
                        "rejection": rejection,
                        "rejection_uncertainty": uncertainty,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def draw_roc(lines: Sequence[RocLine], *, signal: str, with_ratio: bool = False) -> Figure:
    """1/eps_B (log) against eps_S with statistical bands, working points and pure chance.

    With `with_ratio` a panel below shows the rejection of each line over that of the first.
    """
    figure, axes, below = _panels(with_ratio)
    highest = 10.0
    for line, colour in zip(lines, COLOURS, strict=False):
        _draw_line(axes, line, colour)
        known = [v + np.nan_to_num(u) for _, v, u in line.points if np.isfinite(v)]
        shown = line.background_efficiency[line.background_efficiency > 0]
        highest = max([highest, *known, *(1 / shown)])
        if below is not None:
            _draw_ratio(below, line, lines[0], colour)
    chance = np.linspace(0.05, 1, 200)
    axes.plot(chance, 1 / chance, color="#7b818c", linestyle=":", linewidth=1.3, label="chance")
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(0.8, highest * 1.8)
    axes.grid(which="major", color="#e9ebef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylabel(r"background rejection $1/\varepsilon_B$")
    if below is not None:
        below.axhline(1, color="#7b818c", linewidth=0.8, zorder=0)
        below.set_ylabel("ratio to\nthe first")
        below.set_ylim(*_ratio_range(lines))
    lowest = axes if below is None else below
    lowest.set_xlabel(rf"signal efficiency $\varepsilon_S$ ({plain(signal, 24)})")
    legend_above(figure, axes)
    return figure


def _panels(with_ratio: bool) -> tuple[Figure, Axes, Axes | None]:
    if not with_ratio:
        return *new_figure(), None
    figure, axes = new_figure(height=HEIGHT + 1.1)
    figure.delaxes(axes)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    return figure, axes, below


def _draw_line(axes: Axes, line: RocLine, colour: str) -> None:
    shown = line.background_efficiency > 0
    efficiency = line.signal_efficiency[shown]
    rejection = 1 / line.background_efficiency[shown]
    ceiling = 1 / np.maximum(line.lower[shown], 1e-12)
    floor = 1 / line.upper[shown]
    axes.fill_between(efficiency, floor, ceiling, color=colour, alpha=0.22, linewidth=0)
    axes.plot(efficiency, rejection, color=colour, label=plain(line.label))
    for at, value, uncertainty in line.points:
        if np.isfinite(value):
            axes.errorbar(
                at, value, yerr=uncertainty if np.isfinite(uncertainty) else None,
                fmt="o", color=colour, markeredgecolor="white", markersize=6.5, capsize=3,
                zorder=4,
            )  # fmt: skip


def _ratio(line: RocLine, base: RocLine) -> tuple[np.ndarray, np.ndarray]:
    """Signal efficiencies, and there the rejection of a line over that of the base."""
    known = line.background_efficiency > 0
    efficiency = line.signal_efficiency[known]
    reference = np.interp(
        efficiency, base.signal_efficiency, base.background_efficiency, left=np.nan, right=np.nan
    )
    return efficiency, reference / line.background_efficiency[known]


def _draw_ratio(axes: Axes, line: RocLine, base: RocLine, colour: str) -> None:
    efficiency, ratio = _ratio(line, base)
    axes.plot(efficiency, ratio, color=colour)
    if line is base:  # what events leave uncertain of the base itself
        known = line.background_efficiency > 0
        values = line.background_efficiency[known]
        axes.fill_between(
            efficiency, values / line.upper[known], values / np.maximum(line.lower[known], 1e-12),
            color=colour, alpha=0.22, linewidth=0,
        )  # fmt: skip


def _ratio_range(lines: Sequence[RocLine]) -> tuple[float, float]:
    """What holds nearly all of the ratios: at the left end they are a few events."""
    values = np.concatenate([_ratio(line, lines[0])[1] for line in lines])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.02, 0.98]) if len(values) else (1.0, 1.0)
    room = max(0.25 * (high - low), 0.05)
    return float(min(low, 1) - room), float(max(high, 1) + room)
