"""One look for every figure: the field's (mplhep), in colours that colour-blind readers can tell.

matplotlib is imported here alone, and only once something is drawn: it costs half a second.
Figures are made without pyplot, and settings hold inside a context, so that a notebook that
makes a report keeps its own backend and its own style.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# the six-colour sequence of M. A. Petroff, "Accessible Color Sequences for Data Visualization"
# (arXiv:2107.02270), ordered so that the first is the one that a caption calls "the best run"
COLOURS = ("#5790fc", "#e42536", "#f89c20", "#964a8b", "#9c9ca1", "#7a21dd")
BEST = "#e42536"
QUIET = "#b9bdc6"
INK = "#1d2433"

WIDTH = 5.4  # inches: text stays readable in one column of a page and on a phone
HEIGHT = 3.8
WIDE = 8.6  # for figures that take the whole width of a page
MOST_COLOURED = len(COLOURS)
_LEGEND_ROW = 0.2

# what differs from the field's style: sizes for one column of a paper, and for a page
_OWN: dict[str, Any] = {
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "axes.labelpad": 5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.9,
    "axes.autolimit_mode": "data",
    "axes.xmargin": 0.05,
    "axes.axisbelow": "line",
    "axes.formatter.limits": (-4, 5),
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.major.size": 6,
    "ytick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.minor.size": 3,
    "legend.fontsize": 10,
    "legend.handlelength": 1.8,
    "legend.borderpad": 0.4,
    "lines.linewidth": 1.7,
    "lines.markersize": 6,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # fonts that can be edited and searched
    "svg.fonttype": "path",  # looks the same wherever the page is opened
    "svg.hashsalt": "thesis-reports",  # the same data give the same bytes
    "axes.unicode_minus": True,
}
_FONTS = ["TeX Gyre Heros", "DejaVu Sans"]  # the second has the glyphs that the first lacks


@cache
def _settings() -> Any:
    """The field's style (mplhep), in our sizes."""
    import mplhep

    return {**mplhep.styles.ATLAS, "font.family": _FONTS, **_OWN}


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure with one set of axes, sizes in inches; needs no pyplot and no backend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def legend_above(figure: Figure, axes: Axes, title: str = "") -> None:
    """Legend over the axes, where it hides no data; the figure grows by its rows."""
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    longest = max(len(label) for label in labels)
    columns = min(len(labels), max(1, 58 // (longest + 7)))
    rows = -(-len(labels) // columns) + bool(title)
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * rows)
    figure.legend(
        handles, labels, loc="outside upper center", ncols=columns,
        title=title or None, title_fontsize=9.5,
    )  # fmt: skip


def save_figure(
    draw: Callable[[], Figure], target: Path, formats: Sequence[str], dpi: int
) -> bytes:
    """Draw in our style, save ``target.FORMAT`` for each format, give the SVG for a page."""
    import matplotlib

    with matplotlib.rc_context(_settings()):
        figure = draw()
        figure.draw_without_rendering()  # lays out once, not for each format
        figure.set_layout_engine("none")
        for suffix in formats:
            figure.savefig(f"{target}.{suffix}", dpi=dpi, metadata=_no_date(suffix))
        page = io.BytesIO()
        figure.savefig(page, format="svg", dpi=dpi, metadata=_no_date("svg"))
    return page.getvalue()


def plain(text: object, longest: int = 44) -> str:
    """Text from outside (run names, config values) that matplotlib may draw as it stands.

    Dollar signs would start a formula, a leading underscore hides a legend entry, and glyphs
    that the font lacks raise warnings; long text loses its middle.
    """
    line = " ".join(str(text).split())
    line = "".join(c if ord(c) in _glyphs() else "\N{WHITE SQUARE}" for c in line)
    if len(line) > longest:
        kept = longest - 1
        line = f"{line[: kept - kept // 3]}…{line[-(kept // 3) :]}"
    if line.startswith("_"):
        line = f"\N{ZERO WIDTH SPACE}{line}"
    return line.replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    found = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans"))
    return frozenset(font_manager.get_font(found).get_charmap())


def _no_date(suffix: str) -> dict[str, None]:
    # a date in the file would make equal figures differ
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix, {})
