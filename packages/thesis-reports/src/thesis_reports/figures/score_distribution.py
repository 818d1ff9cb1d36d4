"""How far a score pulls classes or processes apart: its values for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST_BINS, _MOST_BINS = 12, 40


def densities(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]], edges: np.ndarray
) -> pd.DataFrame:
    """Histograms of unit area with their errors: a row per name and bin.

    Parameters
    ----------
    scores : by name, values and weights [N] each
    edges : [M + 1] of the bins
    """
    parts, width = [], np.diff(edges)
    for name, (values, weight) in scores.items():
        total = np.abs(weight.sum()) * width
        parts.append(
            pd.DataFrame(
                {
                    "name": name,
                    "low": edges[:-1],
                    "high": edges[1:],
                    "density": np.histogram(values, edges, weights=weight)[0] / total,
                    "error": np.sqrt(np.histogram(values, edges, weights=weight**2)[0]) / total,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def probability_densities(
    scores: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Densities of probabilities, by true class ([N] each), in bins from 0 to 1."""
    n_events = sum(len(values) for values in scores.values())
    edges = np.linspace(0, 1, _n_bins(n_events) + 1)
    return densities({name: (scores[name], weights[name]) for name in scores}, edges)


def score_densities(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]], signal: str
) -> pd.DataFrame:
    """Densities of a score of any range, a histogram a process, the signal first.

    Parameters
    ----------
    scores : by process, values and weights [N] each; values beyond the central 99 % of all events
        are left out
    signal : process that comes first
    """
    values = np.concatenate([values for values, _ in scores.values()])
    low, high = np.quantile(values, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, _n_bins(len(values)) + 1)
    names = sorted(scores, key=lambda name: name != signal)
    return densities({name: scores[name] for name in names}, edges)


def draw_densities(data: pd.DataFrame, *, quantity: str) -> Figure:
    """Histograms with error bars; `data` as `densities` gives it."""
    figure, axes = new_figure()
    names = data["name"].unique()
    for name, colour in zip(names, COLOURS, strict=False):
        rows = data[data["name"] == name]
        edges = [*rows["low"], rows["high"].iloc[-1]]
        centres = (rows["low"] + rows["high"]) / 2
        axes.stairs(rows["density"], edges, color=colour, linewidth=1.6, label=plain(name))
        axes.stairs(rows["density"], edges, color=colour, alpha=0.14, fill=True)
        axes.errorbar(
            centres, rows["density"], yerr=rows["error"], fmt="none", ecolor=colour, elinewidth=0.9
        )
    axes.set_xlim(data["low"].min(), data["high"].max())
    axes.set_ylim(bottom=0)
    axes.set_xlabel(plain(quantity))
    axes.set_ylabel("density of events")
    legend_above(figure, axes)
    return figure


def _n_bins(n_events: int) -> int:
    return int(np.clip(np.sqrt(n_events) / 1.5, _FEWEST_BINS, _MOST_BINS))
