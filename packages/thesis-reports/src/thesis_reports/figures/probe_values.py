"""What probes reach: a row per quantity, a colour per setting, beside what needs no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import (
    COLOURS,
    INK,
    MOST_COLOURED,
    WIDE,
    legend_above,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASELINE = "event variables"
_LOWEST = -0.1  # a probe can be worse than the mean, by how much does not matter


def draw_probes(data: pd.DataFrame) -> Figure:
    """Values with the errors of seeds and events together.

    Parameters
    ----------
    data
        Columns ``quantity``, ``setting`` (`BASELINE` for what needs no model; of others the first
        `MOST_COLOURED` are drawn), ``value``, ``error``.
    """
    quantities = list(dict.fromkeys(data["quantity"]))
    settings = [name for name in dict.fromkeys(data["setting"]) if name != BASELINE]
    shown = settings[:MOST_COLOURED]
    figure, axes = new_figure(WIDE, 0.9 + 0.5 * len(quantities))
    offsets = np.linspace(-0.28, 0.28, len(shown) + 1) if shown else np.zeros(1)
    looks = [(name, "o", colour) for name, colour in zip(shown, COLOURS, strict=False)]
    looks.append((BASELINE, "D", INK))
    for (name, marker, colour), offset in zip(looks, offsets, strict=True):
        rows = data[data["setting"] == name]
        if not len(rows):
            continue
        at = [quantities.index(quantity) + offset for quantity in rows["quantity"]]
        axes.errorbar(
            np.maximum(rows["value"], _LOWEST), at, xerr=np.nan_to_num(rows["error"]), fmt=marker,
            color=colour, markersize=4.5, capsize=2.5, linewidth=1.4, label=plain(name),
        )  # fmt: skip
    axes.set_yticks(range(len(quantities)), [plain(name) for name in quantities])
    axes.set_ylim(len(quantities) - 0.5, -0.5)
    axes.tick_params(axis="y", which="both", length=0)
    for line in range(len(quantities) - 1):
        axes.axhline(line + 0.5, color="#e3e5ea", linewidth=0.8, zorder=0)
    axes.set_xlim(max(_LOWEST, min(0.0, float(data["value"].min()) - 0.02)), 1.02)
    axes.grid(axis="x", color="#e3e5ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("value on the test split")
    legend_above(figure, axes)
    return figure
