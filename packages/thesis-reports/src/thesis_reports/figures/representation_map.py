"""A plane through embeddings: each event a point, each process a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import COLOURS, INK, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def map_data(points: NDArray[np.float64], process: list[str]) -> pd.DataFrame:
    """What `draw_map` shows: an event a row, with its components [N, 2] and process [N]."""
    return pd.DataFrame({"process": process, "first": points[:, 0], "second": points[:, 1]})


def draw_map(data: pd.DataFrame, shares: tuple[float, float]) -> Figure:
    """Events along two components, and the mean of each process as a large point.

    Parameters
    ----------
    data
        See `map_data`.
    shares
        Of the total variance, one a component.
    """
    figure, axes = new_figure(height=4.4)
    names = sorted(data["process"].unique())
    colours = dict(zip(names, (COLOURS[i % len(COLOURS)] for i in range(len(names))), strict=True))
    # in the order of events, so that no process lies on top of another
    axes.scatter(
        data["first"], data["second"], s=7, c=[colours[name] for name in data["process"]],
        alpha=0.45, linewidths=0, rasterized=True,
    )  # fmt: skip
    for name in names:
        centre = data.loc[data["process"] == name, ["first", "second"]].mean()
        axes.plot(
            *centre, "o", color=colours[name], markersize=9, markeredgecolor=INK,
            markeredgewidth=1.1, label=plain(name), zorder=3,
        )  # fmt: skip
    axes.set_xlabel(f"first component ({100 * shares[0]:.1f} % of the variance)")
    axes.set_ylabel(f"second component ({100 * shares[1]:.1f} %)")
    legend_above(figure, axes)
    return figure
