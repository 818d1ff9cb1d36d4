"""Reliability: how often events are signal, for each probability that they were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.metrics import calibration_curve
from thesis_reports.figures.style import COLOURS, HEIGHT, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST = 5  # effective events, below which a bin shows nothing
_N_BINS = 15


def calibration_data(
    probability: Mapping[str, NDArray], is_signal: NDArray[np.bool_], weights: NDArray
) -> pd.DataFrame:
    """Bins of the predicted probability: a row per model and bin.

    Parameters
    ----------
    probability : [N] of the signal, by model
    is_signal, weights : [N]

    Returns
    -------
    DataFrame
        ``model``, ``low``, ``high``, ``predicted``, ``observed``, ``uncertainty`` (NaN where there
        are too few events), ``n_effective``, ``density`` of all events.
    """
    parts = []
    for name, values in probability.items():
        curve = calibration_curve(values, is_signal, weights, n_bins=_N_BINS)
        known = curve.n_effective >= _FEWEST
        height = np.histogram(values, curve.edges, weights=weights)[0]
        # a bin of one class alone has no scatter: what would one more event of the other do?
        floor = 1 / np.maximum(curve.n_effective + 2, 1)
        parts.append(
            pd.DataFrame(
                {
                    "model": name,
                    "low": curve.edges[:-1],
                    "high": curve.edges[1:],
                    "predicted": np.where(known, curve.predicted, np.nan),
                    "observed": np.where(known, curve.observed, np.nan),
                    "uncertainty": np.where(known, np.maximum(curve.uncertainty, floor), np.nan),
                    "n_effective": curve.n_effective,
                    "density": height * _N_BINS / weights.sum(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def draw_calibration(data: pd.DataFrame, *, signal: str) -> Figure:
    """Observed fraction against predicted probability; below, how often each is predicted."""
    figure, axes = new_figure(height=HEIGHT + 1.2)
    figure.delaxes(axes)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="#7b818c", linestyle=":", linewidth=1.3, label="perfect")
    names = list(data["model"].unique())
    for which, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        rows = data[data["model"] == name]
        shown = rows[rows["observed"].notna()]
        axes.errorbar(
            shown["predicted"], shown["observed"], yerr=shown["uncertainty"],
            color=colour, fmt="o-", markersize=3.8, linewidth=1.1, elinewidth=1.0, capsize=2,
            label=plain(name), zorder=3 + (len(names) - which) / 10,
        )  # fmt: skip
        edges = [*rows["low"], rows["high"].iloc[-1]]
        below.stairs(rows["density"], edges, color=colour, linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.03, 1.03)
    below.set_ylim(bottom=0)
    axes.set_ylabel(f"observed fraction of {plain(signal, 20)}")
    below.set_ylabel("density")
    below.set_xlabel(f"predicted probability of {plain(signal, 24)}")
    legend_above(figure, axes)
    return figure
