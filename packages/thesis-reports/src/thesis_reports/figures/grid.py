"""A metric over two axes: a field for each pair of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thesis_reports.figures.style import HEIGHT, WIDTH, new_figure, plain
from thesis_reports.rounding import with_uncertainty
from thesis_reports.statistics import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.55  # inches
_LONGEST_LABEL = 24
_MOST_LETTERS = 11  # of a column's label that fit beside each other


def grid_data(
    fields: Mapping[tuple[str, str], Spread], axes_names: tuple[str, str]
) -> pd.DataFrame:
    """What `draw_grid` shows, a row per field."""
    row, column = axes_names if axes_names[0] != axes_names[1] else ("row", "column")
    return pd.DataFrame(
        [{row: r, column: c, **asdict(spread)} for (r, c), spread in fields.items()]
    )


def draw_grid(
    fields: Mapping[tuple[str, str], Spread],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    axes_names: tuple[str, str],
    quantity: str,
) -> Figure:
    """Mean ± standard deviation in each field; empty where nothing was run."""
    values = np.array(
        [[fields[r, c].mean if (r, c) in fields else np.nan for c in columns] for r in rows]
    )
    figure, axes = new_figure(max(WIDTH, 1.2 + 1.3 * len(columns)), max(HEIGHT, _ROW * len(rows)))
    image = axes.imshow(np.ma.masked_invalid(values), cmap="cividis", aspect="auto")
    low, high = np.nanmin(values), np.nanmax(values)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            found = fields[rows[row], columns[column]]
            is_dark = high > low and (value - low) / (high - low) < 0.55
            axes.text(
                column, row, with_uncertainty(found.mean, found.sd).replace(" ± ", "\n± "),
                ha="center", va="center",
                color="white" if is_dark else "black", fontsize=9.5,
            )  # fmt: skip
    labels = [plain(c, _LONGEST_LABEL) for c in columns]
    is_long = max(len(label) for label in labels) > _MOST_LETTERS
    axes.set_xticks(range(len(columns)), labels, rotation=20 if is_long else 0)
    axes.set_yticks(range(len(rows)), [plain(r, _LONGEST_LABEL) for r in rows])
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set_ylabel(plain(axes_names[0]))
    axes.set_xlabel(plain(axes_names[1]))
    figure.colorbar(image, ax=axes, label=plain(quantity))
    return figure
