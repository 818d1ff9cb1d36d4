"""What a denoiser knows at each level of noise, and what it makes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_loops.monitoring.families.family import OF_EVENTS, Family
from thesis_loops.monitoring.families.recon import (
    LABELS,
    LOGARITHMIC,
    bin_edges,
    say_nothing_to_show,
    showable,
)
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import COLOURS, QUIET, new_figure, show_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    made = payload.array("made_up")
    names = made["features"]
    rows = 1 + -(-len(names) // 2)
    figure, axes = new_figure(rows, 2, height=0.4 + 2.3 * rows)
    for panel in axes[:2]:
        panel.remove()
    grid = axes[0].get_gridspec()  # the same for the wide one, or its labels lie on the others
    assert grid is not None
    _draw_denoising(figure.add_subplot(grid[0, :]), payload.array("denoising"))
    for number, name in enumerate(names):
        _draw_made_up(axes[2 + number], name, made["true"][:, number], made["made_up"][:, number])
    for panel in axes[2 + len(names) :]:
        panel.set_axis_off()
    filled = [panel for panel in axes[2:] if panel.get_legend_handles_labels()[1]]
    for panel in filled[:1]:
        panel.legend(loc="upper right", fontsize=8.5, handlelength=1.2, borderaxespad=0.1)
    return figure


def _draw_denoising(axes: Axes, errors: dict[str, np.ndarray]) -> None:
    axes.plot(errors["time"], errors["momenta"], "o-", color=COLOURS[0], label="momenta")
    axes.plot(errors["time"], errors["ids"], "s--", color=COLOURS[1], label="ids")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time of the diffusion (0: the event, 1: noise)")
    axes.set_ylabel("error of denoising")
    axes.legend(loc="best")


def _draw_made_up(axes: Axes, name: str, true: np.ndarray, made_up: np.ndarray) -> None:
    true, made_up = true[showable(name, true)], made_up[showable(name, made_up)]
    axes.set_xlabel(LABELS[name])
    axes.set_ylabel("share of objects")
    if not len(true):
        say_nothing_to_show(axes)
        return
    edges, highest = bin_edges(name, true, n_bins=30), 0.0
    for values, label, colour, line in (
        (true, "events", QUIET, "-"),
        (made_up, "made up", COLOURS[1], "--"),
    ):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        shares = counts / max(len(values), 1)
        highest = max(highest, shares.max())
        axes.stairs(
            shares,
            edges,
            label=label,
            color=colour,
            linestyle=line,
            linewidth=1.6,
        )
    if name in LOGARITHMIC:
        show_decades(axes, axes.xaxis)
    axes.set_ylim(0, 1.35 * highest)  # with room for the legend


FAMILY = Family(
    OF_EVENTS,
    lambda payload: payload.has("denoising", "made_up"),
    _draw,
    first_guess_s=5.0,  # the model makes events, in many steps
)
