"""How the variance of embeddings spreads over their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import COLOURS, MOST_COLOURED, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOWEST = 1e-7  # below this share, rounding of single precision is all there is


@dataclass(frozen=True, eq=False)
class SpectrumLine:
    """Shares of the variance of the runs of a setting, [n, D], descending along D."""

    label: str
    shares: NDArray[np.float64]


def spectrum_data(lines: Sequence[SpectrumLine]) -> pd.DataFrame:
    """What `draw_spectra` shows: a row per setting and component, over its runs."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "setting": line.label,
                    "component": np.arange(1, line.shares.shape[1] + 1),
                    "share": line.shares.mean(axis=0),
                    "lowest": line.shares.min(axis=0),
                    "highest": line.shares.max(axis=0),
                    "n": len(line.shares),
                }
            )
            for line in lines[:MOST_COLOURED]
        ],
        ignore_index=True,
    )


def draw_spectra(data: pd.DataFrame) -> Figure:
    """Share of each component, the mean over runs in the band of all of them."""
    figure, axes = new_figure()
    names = data["setting"].unique()
    for name, colour in zip(names, COLOURS, strict=False):
        rows = data[data["setting"] == name]
        shown = [np.maximum(rows[column], _LOWEST) for column in ("lowest", "highest", "share")]
        axes.fill_between(rows["component"], *shown[:2], color=colour, alpha=0.22, linewidth=0)
        axes.plot(rows["component"], shown[2], color=colour, label=plain(name))
    axes.set_yscale("log")
    if data["component"].max() > 20:
        axes.set_xscale("log")
    axes.set_ylim(bottom=max(_LOWEST, 0.5 * float(data["lowest"].min())))
    axes.set_xlim(1, max(int(data["component"].max()), 2))
    axes.grid(which="major", color="#e9ebef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("principal component")
    axes.set_ylabel("share of the variance")
    legend_above(figure, axes)
    return figure
