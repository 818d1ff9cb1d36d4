"""Background rejection against signal efficiency, the field's form of the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
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


def draw_roc(lines: Sequence[RocLine], *, signal: str) -> Figure:
    """1/eps_B (log) against eps_S with statistical bands, working points and pure chance."""
    figure, axes = new_figure()
    highest = 10.0
    for line, colour in zip(lines, COLOURS, strict=False):
        shown = line.background_efficiency > 0
        efficiency = line.signal_efficiency[shown]
        with np.errstate(divide="ignore"):
            rejection = 1 / line.background_efficiency[shown]
            ceiling = 1 / np.maximum(line.lower[shown], 1e-12)
        axes.fill_between(
            efficiency, 1 / line.upper[shown], ceiling, color=colour, alpha=0.22, linewidth=0
        )
        axes.plot(efficiency, rejection, color=colour, label=plain(line.label))
        for at, value, uncertainty in line.points:
            if np.isfinite(value):
                highest = max(highest, value + np.nan_to_num(uncertainty))
                axes.errorbar(
                    at, value, yerr=uncertainty if np.isfinite(uncertainty) else None,
                    fmt="o", color=colour, markeredgecolor="white", markersize=6.5, capsize=3,
                    zorder=4,
                )  # fmt: skip
        highest = max([highest, *rejection])
    chance = np.linspace(0.05, 1, 200)
    axes.plot(chance, 1 / chance, color="#7b818c", linestyle=":", linewidth=1.3, label="chance")
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(0.8, highest * 1.8)
    axes.grid(which="major", color="#e9ebef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(rf"signal efficiency $\varepsilon_S$ ({plain(signal, 24)})")
    axes.set_ylabel(r"background rejection $1/\varepsilon_B$")
    legend_above(figure, axes)
    return figure
