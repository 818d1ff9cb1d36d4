"""Probability that a classifier gives to a class, for the events of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_facts.metrics import softmax
from thesis_loops.monitoring.families.classified import Classified, has_events
from thesis_loops.monitoring.families.family import OF_EVENTS, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import COLOURS, LINES, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 40


def _draw(payload: Payload) -> Figure:
    events = Classified.of(payload)
    probabilities = softmax(events.logits)
    columns = min(len(events.signals), 2)
    rows = -(-len(events.signals) // columns)
    figure, axes = new_figure(rows, columns, height=0.6 + (3.0 if rows == 1 else 2.3 * rows))
    for panel, signal in zip(axes, events.signals, strict=False):
        _draw_scores(panel, events, probabilities[:, signal])
        panel.set_xlabel(f"probability of {plain(events.names[signal])}")
    for panel in axes[len(events.signals) :]:
        panel.set_axis_off()
    legend_above(figure, axes[0])
    return figure


def _draw_scores(axes: Axes, events: Classified, probability: np.ndarray) -> None:
    edges = np.linspace(0, 1, _BINS + 1)
    least = 1.0
    for which, name in enumerate(events.names):
        of_class = events.labels == which
        total = events.weights[of_class].sum()
        if total <= 0:
            continue
        counts, _ = np.histogram(probability[of_class], edges, weights=events.weights[of_class])
        line = LINES[which // len(COLOURS) % len(LINES)]
        shares = counts / total
        least = min([least, *shares[shares > 0]])
        axes.stairs(
            shares, edges, color=COLOURS[which % len(COLOURS)], linestyle=line,
            linewidth=1.6, label=f"true class {plain(name)}",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_yscale("log")
    axes.set_ylim(bottom=least / 2)  # a single event stands above the axis
    axes.set_ylabel(f"share of the class per {1 / _BINS:g}")


FAMILY = Family(OF_EVENTS, has_events, _draw)
