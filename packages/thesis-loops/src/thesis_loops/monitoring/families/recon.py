"""What an autoencoder makes of the objects of an event, against what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_loops.monitoring.families.family import OF_EVENTS, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import QUIET, new_figure, show_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

LABELS = {"E": "E (GeV)", "Pt": r"$p_T$ (GeV)", "eta": r"$\eta$", "phi": r"$\phi$ (rad)"}
LOGARITHMIC = ("E", "Pt")
_BINS = 40


def _draw(payload: Payload) -> Figure:
    found = payload.array("reconstruction")
    names = found["features"]
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    figure, axes = new_figure(rows, columns, height=0.4 + 2.6 * rows)
    filled: QuadMesh | None = None
    for number, name in enumerate(names):
        true, reconstructed = found["true"][:, number], found["reconstructed"][:, number]
        if (drawn := _draw_feature(axes[number], name, true, reconstructed)) is not None:
            filled = drawn
    for panel in axes[len(names) :]:
        panel.set_axis_off()
    if filled is not None:
        bar = figure.colorbar(filled, ax=axes, location="top", aspect=50, pad=0.01)
        bar.set_label("objects per bin, relative to the fullest bin")
    return figure


def _draw_feature(
    axes: Axes, name: str, true: np.ndarray, reconstructed: np.ndarray
) -> QuadMesh | None:
    usable = showable(name, true) & showable(name, reconstructed)
    true, reconstructed = true[usable], reconstructed[usable]
    axes.set_xlabel(f"true {LABELS[name]}")
    axes.set_ylabel(f"reconstructed {LABELS[name]}")
    if not len(true):
        say_nothing_to_show(axes)
        return None
    edges = bin_edges(name, true)
    counts, _, _ = np.histogram2d(true, np.clip(reconstructed, edges[0], edges[-1]), [edges, edges])
    share = np.ma.masked_equal(counts.T / max(counts.max(), 1), 0)
    filled = axes.pcolormesh(edges, edges, share, cmap="viridis", norm="log", vmin=1e-2, vmax=1)
    if name in LOGARITHMIC:
        show_decades(axes, axes.xaxis)
        show_decades(axes, axes.yaxis)
    axes.plot(edges[[0, -1]], edges[[0, -1]], color=QUIET, linewidth=0.9, linestyle="--")
    return filled


def showable(name: str, values: np.ndarray) -> np.ndarray:
    """Which of the values of a feature its scale can show."""
    usable = np.isfinite(values)
    return usable & (values > 0) if name in LOGARITHMIC else usable


def say_nothing_to_show(axes: Axes) -> None:
    """Instead of an empty panel."""
    axes.text(0.5, 0.5, "no values to show", ha="center", transform=axes.transAxes)


def bin_edges(name: str, values: np.ndarray, n_bins: int = _BINS) -> np.ndarray:
    """Edges that hold 99.8 % of the values; logarithmic where the feature is shown so."""
    if name == "phi":
        return np.linspace(-np.pi, np.pi, n_bins + 1)
    low, high = np.quantile(values, [0.001, 0.999])
    if name in LOGARITHMIC:
        high = max(high, 1.01 * low)
        return np.geomspace(low, high, n_bins + 1)
    return np.linspace(low, max(high, low + 1e-3), n_bins + 1)


FAMILY = Family(
    OF_EVENTS,
    lambda payload: payload.has("reconstruction"),
    _draw,
    first_guess_s=2.0,  # the model computes
)
