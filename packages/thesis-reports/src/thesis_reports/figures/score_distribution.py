"""How far a score pulls classes or processes apart: its values for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEWEST_BINS, _MOST_BINS = 12, 40


def draw_score_distribution(
    scores: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray], *, signal: str
) -> Figure:
    """Densities of the signal probability, one histogram a true class, with error bars.

    Parameters
    ----------
    scores, weights : by class name, [N] each; scores lie between 0 and 1
    signal : name of the class whose probability is shown
    """
    figure, axes = new_figure()
    n_events = sum(len(values) for values in scores.values())
    edges = np.linspace(0, 1, _n_bins(n_events) + 1)
    _draw_densities(axes, {name: (scores[name], weights[name]) for name in scores}, edges)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"predicted probability of {plain(signal, 24)}")
    axes.set_ylabel("density of events")
    legend_above(figure, axes)
    return figure


def draw_scores_of_processes(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]], *, quantity: str, signal: str
) -> Figure:
    """Densities of a score of any range, one histogram a process, the signal first.

    Parameters
    ----------
    scores : by process, values and weights [N] each; values beyond the central 99 % of all events
        are left out
    quantity : name of the score
    signal : process that is drawn first
    """
    figure, axes = new_figure()
    values = np.concatenate([values for values, _ in scores.values()])
    low, high = np.quantile(values, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, _n_bins(len(values)) + 1)
    names = sorted(scores, key=lambda name: name != signal)
    _draw_densities(axes, {name: scores[name] for name in names}, edges)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(plain(quantity))
    axes.set_ylabel("density of events")
    legend_above(figure, axes)
    return figure


def _n_bins(n_events: int) -> int:
    return int(np.clip(np.sqrt(n_events) / 1.5, _FEWEST_BINS, _MOST_BINS))


def _draw_densities(
    axes: Axes, scores: Mapping[str, tuple[np.ndarray, np.ndarray]], edges: np.ndarray
) -> None:
    centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for (name, (values, weight)), colour in zip(scores.items(), COLOURS, strict=False):
        total = weight.sum() * width
        density = np.histogram(values, edges, weights=weight)[0] / total
        error = np.sqrt(np.histogram(values, edges, weights=weight**2)[0]) / abs(total)
        axes.stairs(density, edges, color=colour, linewidth=1.6, label=plain(name))
        axes.stairs(density, edges, color=colour, alpha=0.14, fill=True)
        axes.errorbar(centres, density, yerr=error, fmt="none", ecolor=colour, elinewidth=0.9)
