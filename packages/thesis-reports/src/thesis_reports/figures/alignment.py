"""How alike the representations of settings are: a field for each pair of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from thesis_reports.figures.grid import draw_grid
from thesis_reports.statistics import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SETTINGS = 12
_FIELD, _MARGIN = 1.45, 2.6  # inches: a field holds a mean with its deviation


def draw_alignment(
    fields: Mapping[tuple[str, str], Spread], labels: Sequence[str], *, name: str
) -> Figure:
    """Linear CKA, mean ± standard deviation over pairs of runs; `name` is what labels are of."""
    figure = draw_grid(fields, labels, labels, axes_names=(name, name), quantity="linear CKA")
    figure.set_figwidth(_MARGIN + _FIELD * len(labels))
    return figure
