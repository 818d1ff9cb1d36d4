"""How far a classifier pulls the classes apart: its output for each true class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
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
    n_bins = int(np.clip(np.sqrt(n_events) / 1.5, _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(0, 1, n_bins + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    for (name, values), colour in zip(scores.items(), COLOURS, strict=False):
        weight = weights[name]
        total = weight.sum() * (edges[1] - edges[0])
        density = np.histogram(values, edges, weights=weight)[0] / total
        error = np.sqrt(np.histogram(values, edges, weights=weight**2)[0]) / abs(total)
        axes.stairs(density, edges, color=colour, linewidth=1.6, label=plain(name))
        axes.stairs(density, edges, color=colour, alpha=0.14, fill=True)
        axes.errorbar(centres, density, yerr=error, fmt="none", ecolor=colour, elinewidth=0.9)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"predicted probability of {plain(signal, 24)}")
    axes.set_ylabel("density of events")
    legend_above(figure, axes)
    return figure
