"""Values over epochs, seeds together: their mean as a line, their spread as a band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import (
    COLOURS,
    HEIGHT,
    INK,
    MOST_COLOURED,
    WIDE,
    legend_above,
    new_figure,
    plain,
)
from thesis_reports.statistics import Spread, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLES = ("-", (0, (4, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_MANY = 5  # lines whose bands hide each other
_MOST_LINES = MOST_COLOURED * len(_STYLES)


@dataclass(frozen=True, eq=False)
class Evolution:
    """A line.

    Attributes
    ----------
    label
        What the legend calls it.
    epochs : [E]
        Counted from 1.
    means, deviations, counts : [E]
        Over the runs that have the epoch; the deviation of a single one is NaN.
    """

    label: str
    epochs: NDArray[np.float64]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, label: str, runs: Iterable[Mapping[int, float]]) -> Evolution:
        """From the values of each run by epoch, counted from 0."""
        by_epoch: dict[int, list[float]] = {}
        for run in runs:
            for epoch, value in run.items():
                by_epoch.setdefault(epoch, []).append(value)
        epochs = sorted(by_epoch)
        found = [spread(by_epoch[epoch]) for epoch in epochs]
        return cls(
            label,
            np.array(epochs, dtype=float) + 1,
            np.array([one.mean for one in found]),
            np.array([one.sd for one in found]),
            np.array([one.n for one in found], dtype=np.int64),
        )

    @property
    def last(self) -> Spread:
        """At the last epoch."""
        return Spread(float(self.means[-1]), float(self.deviations[-1]), int(self.counts[-1]))

    @property
    def first(self) -> Spread:
        """At the first epoch."""
        return Spread(float(self.means[0]), float(self.deviations[0]), int(self.counts[0]))


def evolution_data(lines: Sequence[Evolution]) -> pd.DataFrame:
    """What `draw_evolution` shows, a row per line and epoch."""
    parts = [
        pd.DataFrame(
            {
                "label": line.label,
                "epoch": line.epochs,
                "mean": line.means,
                "sd": line.deviations,
                "n": line.counts,
            }
        )
        for line in lines[:_MOST_LINES]
    ]
    return pd.concat(parts, ignore_index=True)


def draw_evolution(
    lines: Sequence[Evolution],
    *,
    quantity: str,
    zone: tuple[float, float] | None = None,
) -> Figure:
    """Each line with a band of one standard deviation.

    Parameters
    ----------
    lines
        Six colours, then the same with other dashes.
    quantity
        What the vertical axis shows.
    zone
        What chance gives, drawn in grey.
    """
    figure, axes = new_figure(WIDE, HEIGHT)
    if zone is not None:
        axes.axhspan(*zone, color="#e6e8ed", zorder=0, linewidth=0)
    for place, line in enumerate(lines[:_MOST_LINES]):
        colour = COLOURS[place % MOST_COLOURED]
        sd = np.nan_to_num(line.deviations)
        alpha = 0.13 if len(lines) < _MANY else 0.07
        axes.fill_between(
            line.epochs, line.means - sd, line.means + sd, color=colour, alpha=alpha, linewidth=0
        )
        axes.plot(
            line.epochs, line.means, color=colour, label=plain(line.label),
            linestyle=_STYLES[place // MOST_COLOURED], marker="o", markersize=3.5,
        )  # fmt: skip
    if zone is not None and zone[0] < 0 < zone[1]:
        axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
    axes.margins(y=0.08)
    axes.set_xlabel("epoch")
    axes.set_ylabel(plain(quantity))
    axes.locator_params(axis="x", integer=True)
    axes.xaxis.minorticks_off()
    legend_above(figure, axes)
    return figure
