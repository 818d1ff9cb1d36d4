"""Named points in a plane of two principal axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import COLOURS, QUIET, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = 5.0  # inches: both axes have the same scale


def plane_data(
    names: Sequence[str], points: NDArray[np.float64], explained: Sequence[float]
) -> pd.DataFrame:
    """What `draw_plane` shows, a row per point [N, 2]; `explained` are shares of the variance."""
    return pd.DataFrame(
        {
            "name": list(names),
            "first": points[:, 0],
            "second": points[:, 1],
            "first_explained": explained[0],
            "second_explained": explained[1],
        }
    )


def draw_plane(
    names: Sequence[str], points: NDArray[np.float64], explained: Sequence[float]
) -> Figure:
    """The points with their names; see `plane_data`."""
    figure, axes = new_figure(_SIZE, _SIZE)
    axes.axhline(0, color=QUIET, linewidth=0.8, zorder=1)
    axes.axvline(0, color=QUIET, linewidth=0.8, zorder=1)
    axes.scatter(points[:, 0], points[:, 1], s=42, color=COLOURS[0], zorder=3)
    for name, point in zip(names, points, strict=True):
        away = _away(point, points)
        axes.annotate(
            plain(name), tuple(point), xytext=(7 * away[0], 6 * away[1]),
            textcoords="offset points", fontsize=10.5, va="center",
            ha="left" if away[0] > 0 else "right",
        )  # fmt: skip
    axes.margins(0.22)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"first principal axis ({explained[0]:.0%} of the variance)")
    axes.set_ylabel(f"second principal axis ({explained[1]:.0%})")
    return figure


def _away(point: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[int, int]:
    """Signs of the direction away from the nearest other point, where a name hides least."""
    apart = point - points
    distance = np.square(apart).sum(1)
    distance[distance == 0] = np.inf
    x, y = apart[distance.argmin()]
    return (1 if x >= 0 else -1), (1 if y >= 0 else -1)
