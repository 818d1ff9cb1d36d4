"""One look for all pictures: readable in one column, in colours that everyone can tell apart.

matplotlib is imported here alone, and only to draw: it costs half a second. There is no pyplot,
and the settings hold while a picture is drawn, so that a notebook keeps its own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# the six-colour sequence of M. A. Petroff (arXiv:2107.02270)
COLOURS = ("#5790fc", "#e42536", "#f89c20", "#964a8b", "#9c9ca1", "#7a21dd")
TRAINING, VALIDATION = COLOURS[0], COLOURS[1]
QUIET = "#7b818c"
LINES = ("-", "--", ":", "-.")  # one after the other where there are more curves than colours

WIDTH = 5.4  # inches, of one column
HEIGHT = 3.6

_SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.labelsize": 11,
    "axes.linewidth": 0.9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),
    "axes.formatter.useoffset": False,
    "grid.color": "#e9ebef",
    "grid.linewidth": 0.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.7,
    "lines.markersize": 4,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # fonts that can be edited and searched
    "svg.fonttype": "path",  # looks the same everywhere
    "svg.hashsalt": "thesis-loops",
}


def new_figure(
    rows: int = 1, columns: int = 1, height: float = HEIGHT, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of one column's width (height in inches), and its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    axes = figure.subplots(rows, columns, sharex=sharex, squeeze=False)
    return figure, list(axes.flat)


def picture(draw: Callable[[], Figure], title: str, suffix: str, dpi: int) -> bytes:
    """Draw in our style, over a small line that says what it is of; the content of the file."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        figure = draw()
        note = figure.supxlabel(title, x=0.99, ha="right", fontsize=8, color=QUIET)
        note.set_parse_math(False)  # run names may hold dollar signs
        file = io.BytesIO()
        no_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
        figure.savefig(file, format=suffix, dpi=dpi, metadata=no_date)
    return file.getvalue()


def legend_above(figure: Figure, axes: Axes) -> None:
    """Legend over the axes, where it hides no data; the figure grows by its rows."""
    handles, labels = axes.get_legend_handles_labels()
    columns = _most_columns(labels)
    figure.set_figheight(figure.get_figheight() + 0.2 * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _most_columns(labels: Sequence[str]) -> int:
    """That fit side by side; labels fill one after the other, 7 letters more are its line."""
    lengths = [len(label) + 7 for label in labels]
    return next(
        columns
        for columns in range(len(labels), 0, -1)
        if columns == 1 or sum(map(max, np.array_split(lengths, columns))) <= 60
    )


def draw_curve(axes: Axes, values: np.ndarray, label: str, colour: str, line: str = "-") -> None:
    """A history [n_epochs], from epoch 1; points are marked where they are few, or stand alone."""
    marker = "o" if np.count_nonzero(np.isfinite(values)) <= 25 else None
    axes.plot(1 + np.arange(len(values)), values, line, color=colour, label=label, marker=marker)


def finish_epochs(axes: Axes, curves: Sequence[np.ndarray] = ()) -> None:
    """Whole numbers below; a logarithmic scale where these curves span more than a decade."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    known = [value for values in curves for value in values[np.isfinite(values)]]
    if known and min(known) > 0 and max(known) > 10 * min(known):
        span_decades(axes, known)


def span_decades(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic y axis for positive values, with more numbers where they span little."""
    if max(values) < 1000 * min(values):
        show_decades(axes, axes.yaxis)
    else:
        axes.set_yscale("log")


def show_decades(axes: Axes, axis: Axis) -> None:
    """A logarithmic scale with plain numbers, 1 and 3 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    set_scale = axes.set_xscale if axis is axes.xaxis else axes.set_yscale
    set_scale("log")
    axis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def plain(text: object) -> str:
    """Text from outside (names of classes) as it stands: no formula, no hidden legend entry."""
    line = str(text).replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{line}" if line.startswith("_") else line
