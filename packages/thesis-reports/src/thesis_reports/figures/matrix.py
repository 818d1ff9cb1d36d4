"""Numbers for each pair of things, in colour and in figures, one matrix or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.style import WIDE, plain
from thesis_reports.rounding import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scale = Literal["cosine", "difference", "ratio", "share"]

_MOST_PANELS = 12
_LONGEST_LABEL = 20
_MARGIN = 1.3  # inches: row labels and colour bar
_TITLE = 0.85  # inches: title and column labels of each row of panels
_LARGEST_RATIO = 4.0
_RATIOS = (0.25, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)  # at the colour bar


@dataclass(frozen=True, eq=False)
class Matrix:
    """A panel.

    Attributes
    ----------
    title
        Above it; may be empty where it is the only one.
    rows, columns
        Labels.
    values : [R, C]
        Means; NaN is left empty.
    deviations : [R, C]
        Standard deviations over runs; NaN where there is a single one.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: NDArray[np.float64]
    deviations: NDArray[np.float64]


def matrix_data(panels: Sequence[Matrix]) -> pd.DataFrame:
    """What `draw_matrix` shows, a row per field."""
    fields = [
        {"panel": panel.title, "row": row, "column": column, "mean": mean, "sd": sd}
        for panel in panels[:_MOST_PANELS]
        for row, means, sds in zip(panel.rows, panel.values, panel.deviations, strict=True)
        for column, mean, sd in zip(panel.columns, means, sds, strict=True)
    ]
    return pd.DataFrame(fields, columns=["panel", "row", "column", "mean", "sd"])


def draw_matrix(
    panels: Sequence[Matrix],
    *,
    quantity: str,
    scale: Scale,
    axes_names: tuple[str, str] = ("", ""),
    per_row: int = 2,
    annotate: bool = True,
) -> Figure:
    """At most 12 matrices beside each other that share their colours.

    Parameters
    ----------
    panels
        All with as many rows and columns.
    quantity
        What the colour bar shows.
    scale
        cosine: −1 to 1; difference: about 0, to the largest; ratio: logarithmic about 1; share: 0
        to 1.
    axes_names
        What rows and columns are.
    per_row
        Most panels beside each other.
    annotate
        Whether fields show their numbers.
    """
    from matplotlib.figure import Figure

    shown = panels[:_MOST_PANELS]
    n_rows = -(-len(shown) // per_row)
    n_columns = -(-len(shown) // n_rows)
    width, height = _field_size(shown[0], n_columns)
    figure = Figure(figsize=(WIDE, n_rows * (height * len(shown[0].rows) + _TITLE)))
    grid: Any = figure.subplots(n_rows, n_columns, squeeze=False)
    norm, colours = _colours(scale, shown)
    for place, (axes, panel) in enumerate(zip(grid.flat, shown, strict=False)):
        values = np.ma.masked_invalid(panel.values)
        image = axes.imshow(values, cmap=colours, norm=norm, aspect="auto")
        if annotate:
            _annotate(axes, panel, image, min(width / 0.075, height / 0.04, 9.0))
        axes.set_title(plain(panel.title), fontsize=10.5)
        is_first, is_last = place % n_columns == 0, place + n_columns >= len(shown)
        _label_rows(axes, panel.rows if is_first else [], axes_names[0])
        _label_columns(axes, panel.columns if is_last else [], axes_names[1])
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    bar = figure.colorbar(image, ax=grid, pad=0.02, aspect=30)
    bar.set_label(plain(quantity), fontsize=10.5)
    bar.ax.tick_params(labelsize=9)
    if scale == "ratio":  # powers of ten say little between a half and two
        bar.ax.minorticks_off()
        bar.set_ticks([r for r in _RATIOS if norm.vmin <= r <= norm.vmax])
        bar.ax.yaxis.set_major_formatter("{x:g}")
    return figure


def _field_size(panel: Matrix, n_columns: int) -> tuple[float, float]:
    """Width and height of a field in inches."""
    width = (WIDE - _MARGIN) / n_columns / len(panel.columns)
    return width, float(np.clip(width * 0.8, 0.2, 0.5))


def _colours(scale: Scale, panels: Sequence[Matrix]) -> tuple[Any, str]:
    from matplotlib.colors import LogNorm, Normalize

    if scale == "share":
        return Normalize(0, 1), "cividis"
    if scale == "cosine":
        return Normalize(-1, 1), "RdBu_r"
    known = np.concatenate([panel.values[np.isfinite(panel.values)] for panel in panels])
    if scale == "difference":
        reach = float(np.abs(known).max(initial=1e-6))
        return Normalize(-reach, reach), "RdBu_r"
    known = known[known > 0]
    reach = float(np.exp(np.abs(np.log(known)).max())) if len(known) else 2.0
    reach = float(np.clip(reach, 1.25, _LARGEST_RATIO))
    return LogNorm(1 / reach, reach, clip=True), "RdBu_r"


def _annotate(axes: Axes, panel: Matrix, image: Any, size: float) -> None:
    for (row, column), value in np.ndenumerate(panel.values):
        if not np.isfinite(value):
            continue
        red, green, blue, _ = image.cmap(image.norm(value))
        is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        sd = panel.deviations[row, column]
        text = _short(value) + (f"\n±{_short(sd)}" if np.isfinite(sd) else "")
        axes.text(
            column, row, text, ha="center", va="center", fontsize=size, linespacing=0.95,
            color="white" if is_dark else "black",
        )  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if abs(value) < 10 else number(value, 3)


def _label_rows(axes: Axes, labels: Sequence[str], name: str) -> None:
    axes.set_yticks(range(len(labels)), [plain(label, _LONGEST_LABEL) for label in labels])
    axes.tick_params(which="both", length=0, labelsize=9)
    axes.minorticks_off()
    if labels:
        axes.set_ylabel(plain(name), fontsize=10.5)


def _label_columns(axes: Axes, labels: Sequence[str], name: str) -> None:
    texts = [plain(label, _LONGEST_LABEL) for label in labels]
    is_tight = len(texts) > 5 and max(len(text) for text in texts) > 2
    axes.set_xticks(range(len(texts)), texts, rotation=90 if is_tight else 0)
    if labels:
        axes.set_xlabel(plain(name), fontsize=10.5)
