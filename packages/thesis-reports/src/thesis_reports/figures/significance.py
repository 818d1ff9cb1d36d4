"""Expected significance against how tightly one cuts on a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.metrics.cuts import CountingExperiment, CutSignificance, expected_significance
from thesis_reports.figures.style import COLOURS, legend_above, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 200
FORMULAS = {"asimov": "Asimov", "simple": "S/√(B + (rB)²)"}


def significance_data(
    scores: Mapping[str, NDArray],
    cuts: Mapping[str, CutSignificance | None],
    is_signal: NDArray[np.bool_],
    weights: NDArray,
    experiment: CountingExperiment,
    *,
    fewest: float,
) -> pd.DataFrame:
    """Significance of all cuts of each model, and of the one that was chosen.

    Parameters
    ----------
    scores : [N], by model
    cuts
        What was chosen on other events, by model.
    is_signal, weights : [N]
    experiment
        Cross sections and luminosity.
    fewest
        Effective background events that must pass.

    Returns
    -------
    DataFrame
        ``model``, ``kind`` (curve or chosen), ``signal_efficiency``, ``simple``, ``asimov``, and
        for the chosen one ``simple_uncertainty``, ``asimov_uncertainty``.
    """
    parts = []
    for name, score in scores.items():
        scan = expected_significance(score, is_signal, experiment, weights)
        rows = np.flatnonzero(scan.n_effective_background >= fewest)
        rows = (
            rows[np.unique(np.linspace(0, len(rows) - 1, _POINTS).astype(int))]
            if len(rows)
            else rows
        )
        parts.append(
            pd.DataFrame(
                {
                    "model": name,
                    "kind": "curve",
                    "signal_efficiency": scan.signal[rows] / experiment.signal_events,
                    "simple": scan.simple[rows],
                    "asimov": scan.asimov[rows],
                }
            )
        )
        cut = cuts[name]
        if cut is not None:
            parts.append(
                pd.DataFrame(
                    {
                        "model": [name],
                        "kind": "chosen",
                        "signal_efficiency": cut.signal.value / experiment.signal_events,
                        "simple": cut.simple.value,
                        "asimov": cut.asimov.value,
                        "simple_uncertainty": cut.simple.uncertainty,
                        "asimov_uncertainty": cut.asimov.uncertainty,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def draw_significance(data: pd.DataFrame, *, signal: str) -> Figure:
    """Asimov significance of each model (solid), the simple formula (dashed), chosen cuts."""
    figure, axes = new_figure()
    for name, colour in zip(data["model"].unique(), COLOURS, strict=False):
        rows = data[(data["model"] == name) & (data["kind"] == "curve")]
        axes.plot(rows["signal_efficiency"], rows["asimov"], color=colour, label=plain(name))
        axes.plot(
            rows["signal_efficiency"], rows["simple"], color=colour, linestyle=(0, (4, 2)),
            linewidth=1.0,
        )  # fmt: skip
        for _, cut in data[(data["model"] == name) & (data["kind"] == "chosen")].iterrows():
            axes.errorbar(
                cut["signal_efficiency"], cut["asimov"], yerr=cut["asimov_uncertainty"], fmt="o",
                color=colour, markeredgecolor="white", markersize=6.5, capsize=3, zorder=4,
            )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)
    axes.set_xlabel(rf"signal efficiency $\varepsilon_S$ of the cut ({plain(signal, 24)})")
    axes.set_ylabel("expected significance")
    legend_above(
        figure,
        axes,
        f"solid: {FORMULAS['asimov']}, dashed: {FORMULAS['simple']}, points: chosen cuts",
    )
    return figure
