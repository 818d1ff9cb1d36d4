"""Background rejection against signal efficiency, the field's form of the ROC curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_facts.metrics import auroc, auroc_uncertainty, log_odds, roc_curve
from thesis_loops.monitoring.families.classified import Classified, has_two_classes
from thesis_loops.monitoring.families.family import OF_EVENTS, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import COLOURS, LINES, QUIET, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_POINTS = 2000


def _draw(payload: Payload) -> Figure:
    figure, (axes,) = new_figure()
    events = Classified.of(payload)
    present = [which for which in events.signals if (events.labels == which).any()]
    for number, which in enumerate(present):
        line = LINES[number // len(COLOURS) % len(LINES)]
        _draw_class(axes, events, which, COLOURS[number % len(COLOURS)], line)
    chance = np.linspace(0.01, 1, 200)
    axes.plot(chance, 1 / chance, ":", color=QUIET, linewidth=1.2, label="chance")
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0.8)
    binary = len(events.names) == 2
    signal, background = plain(events.names[1]), plain(events.names[0])
    axes.set_xlabel(rf"signal efficiency $\varepsilon_S$ ({signal if binary else 'each class'})")
    axes.set_ylabel(
        r"background rejection $1/\varepsilon_B$"
        + (f"\n({background})" if binary else "\n(the other classes)")
    )
    legend_above(figure, axes)
    return figure


def _draw_class(axes: Axes, events: Classified, which: int, colour: str, line: str) -> None:
    sample = log_odds(events.logits, which), events.labels == which, events.weights
    curve = roc_curve(*sample)
    passes = np.flatnonzero(curve.background_efficiency > 0)
    if len(passes) > _MOST_POINTS:  # all of the tight cuts, where the curve is coarse
        far = np.linspace(_MOST_POINTS // 2, len(passes) - 1, _MOST_POINTS // 2).astype(int)
        passes = passes[np.r_[: _MOST_POINTS // 2, far]]
    area = f"AUROC {auroc(*sample):.4f} ± {auroc_uncertainty(*sample):.4f}"
    label = area if len(events.names) == 2 else f"{plain(events.names[which])}: {area}"
    axes.plot(
        curve.signal_efficiency[passes], 1 / curve.background_efficiency[passes], line,
        color=colour, label=label,
    )  # fmt: skip


FAMILY = Family(OF_EVENTS, has_two_classes, _draw)
