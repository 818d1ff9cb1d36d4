"""Values over epochs: a few runs in colour, many in grey with the best one on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from thesis_reports.figures.style import (
    BEST,
    COLOURS,
    INK,
    MOST_COLOURED,
    QUIET,
    legend_above,
    new_figure,
    plain,
)
from thesis_reports.rounding import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHED = (0, (4, 2))
_STAR: dict[str, Any] = {
    "marker": "*", "markersize": 13, "linestyle": "none",
    "markeredgecolor": INK, "markeredgewidth": 0.8,
}  # fmt: skip
MOST_LINES = 200  # of runs, beyond which bands of quantiles say more, and take no longer
_BANDS = {"low": 0.025, "lower": 0.16, "median": 0.5, "upper": 0.84, "high": 0.975}
_SHORT = 12  # with fewer epochs than this, points say more than lines


@dataclass(frozen=True)
class Curve:
    """Values of one run.

    Attributes
    ----------
    label
        What the legend calls it; runs with equal labels share a colour and an entry.
    epochs : [E], counted from 1
    values : [E], NaN where unknown
    """

    label: str
    epochs: np.ndarray
    values: np.ndarray

    def at(self, epoch: float) -> float:
        """Value of an epoch, NaN where there is none."""
        found = self.values[self.epochs == epoch]
        return float(found[0]) if len(found) else np.nan


def curves_data(
    validation: Mapping[str, Curve],
    training: Mapping[str, Curve],
    x: str = "epoch",
    *,
    best: str = "",
) -> pd.DataFrame:
    """What `draw_curves` shows: a row per run, split and epoch.

    Where there are too many runs for lines, `bands_of` them and the curves of the best one.
    """
    crowd = len(validation) > MOST_LINES
    parts = [
        pd.DataFrame({"run": run, "label": c.label, "split": split, x: c.epochs, "value": c.values})
        for split, curves in (("val", validation), ("train", training))
        for run, c in curves.items()
        if not crowd or run == best
    ]
    if crowd:
        parts.insert(0, bands_of(validation))
    return pd.concat(parts, ignore_index=True)


def bands_of(curves: Mapping[str, Curve]) -> pd.DataFrame:
    """Quantiles of many curves: a row per epoch, with the number of runs that have it."""
    epochs = np.concatenate([curve.epochs for curve in curves.values()])
    values = np.concatenate([curve.values for curve in curves.values()])
    known = np.isfinite(values)
    grouped = pd.Series(values[known]).groupby(epochs[known])
    bands = grouped.quantile(np.array(list(_BANDS.values()))).unstack()
    bands.columns = list(_BANDS)
    bands.insert(0, "n_runs", grouped.size())
    return bands.rename_axis("epoch").reset_index()


@dataclass(frozen=True)
class Frame:
    """Range of values that is shown, and how many runs leave it."""

    lower: float
    upper: float
    n_outside: int


def draw_curves(
    validation: Mapping[str, Curve],
    training: Mapping[str, Curve],
    *,
    quantity: str,
    best: str = "",
    best_epoch: float | None = None,
) -> Figure:
    """Validation (solid) and training (dashed) values over epochs.

    Up to six labels are told apart by colour. Beyond that all runs are grey, only the validation
    is drawn, and the best run stands out. More than `MOST_LINES` runs are bands of quantiles.

    Parameters
    ----------
    validation, training
        Curves by run.
    quantity
        What the vertical axis shows, with its unit if it has one.
    best, best_epoch
        Run to bring out, and the epoch of its best checkpoint.
    """
    figure, axes = new_figure()
    drawn = list(validation.values()) + list(training.values())
    labels = list(dict.fromkeys(curve.label for curve in drawn))
    crowded = len(labels) > MOST_COLOURED
    marker = "o" if max(len(curve.epochs) for curve in drawn) < _SHORT else ""
    colours = {label: QUIET if crowded else COLOURS[i] for i, label in enumerate(labels)}
    crowd = len(validation) > MOST_LINES
    if crowd:
        _draw_bands(axes, bands_of(validation))
    for curves, dashed in ((training, True), (validation, False)):
        for run, curve in curves.items():
            is_best = run == best
            if not is_best and (crowd or (crowded and dashed)):
                continue
            axes.plot(
                curve.epochs,
                curve.values,
                color=BEST if (crowded or crowd) and is_best else colours[curve.label],
                linestyle=_DASHED if dashed else "-",
                linewidth=0.8 if crowded and not is_best else 2.0 if is_best else 1.4,
                alpha=0.7 if crowded and not is_best else 1.0,
                marker="" if crowded and not is_best else marker,
                markersize=3.5,
                zorder=3 if is_best else 2,
                rasterized=crowded and not is_best and len(drawn) > 40,
            )
    has_best = best in validation and best_epoch is not None
    if has_best:
        colour = BEST if crowded or crowd else colours[validation[best].label]
        _mark(axes, validation[best], best_epoch, colour)
    _frame(axes, drawn)
    _describe(axes, colours, crowded or crowd, bool(training), has_best)
    legend_above(
        figure, axes, _how_to_read(len(labels), crowded or crowd, bool(training), has_best)
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel(plain(quantity))
    axes.locator_params(axis="x", integer=True)
    axes.xaxis.minorticks_off()
    return figure


def frame_of(curves: list[Curve]) -> Frame:
    """Range that shows nearly all values; a run that blew up must not flatten the others.

    Where a few values stretch the range to more than three times that of the middle 96 %, the
    range ends there.
    """
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves])
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = np.quantile(values, [0.02, 0.98])
    width = float(inner_high - inner_low)
    lower = float(inner_low - width / 2) if inner_low - low > 2 * width else low
    upper = float(inner_high + width / 2) if high - inner_high > 2 * width else high
    if width <= 0:
        return Frame(low, high, 0)
    outside = sum(bool(np.any((c.values > upper) | (c.values < lower))) for c in curves)
    return Frame(lower, upper, outside)


def _frame(axes: Axes, curves: list[Curve]) -> None:
    frame = frame_of(curves)
    room = 0.06 * (frame.upper - frame.lower) or 0.05 * max(abs(frame.upper), 1e-3)
    axes.set_ylim(frame.lower - room, frame.upper + room)
    if frame.n_outside:
        axes.text(
            0.985, 0.985,
            f"outside the frame: {counted(frame.n_outside, 'curve')}",
            transform=axes.transAxes, ha="right", va="top", fontsize=8.5, style="italic",
        )  # fmt: skip


def _draw_bands(axes: Axes, bands: pd.DataFrame) -> None:
    for low, high, alpha in (("low", "high", 0.35), ("lower", "upper", 0.5)):
        axes.fill_between(
            bands["epoch"], bands[low], bands[high], color=QUIET, alpha=alpha, linewidth=0
        )
    axes.plot(bands["epoch"], bands["median"], color="#7b818c", linewidth=1.2)
    axes.plot([], [], color="#7b818c", linewidth=1.2, label="median; bands: 68 and 95 % of runs")


def _mark(axes: Axes, curve: Curve, epoch: float, colour: str) -> None:
    if np.isfinite(curve.at(epoch)):
        axes.plot(epoch, curve.at(epoch), color=colour, zorder=5, **_STAR)


def _describe(
    axes: Axes, colours: Mapping[str, str], crowded: bool, training: bool, has_best: bool
) -> None:
    """Legend entries: colours of labels, or for a single label the line styles."""

    def entry(label: str, **look: Any) -> None:
        axes.plot([], [], label=label, **look)

    if crowded:
        entry(f"{len(colours)} settings", color=QUIET, linewidth=1.0)
        entry("best run, validation", color=BEST, linewidth=2.0)
        if training:
            entry("best run, training", color=BEST, linewidth=2.0, linestyle=_DASHED)
    elif len(colours) > 1:
        for label, colour in colours.items():
            entry(plain(label), color=colour)
    else:
        entry("validation", color=COLOURS[0])
        if training:
            entry("training", color=COLOURS[0], linestyle=_DASHED)
        if has_best:
            entry("best epoch", color=COLOURS[0], **_STAR)


def _how_to_read(n_labels: int, crowded: bool, training: bool, has_best: bool) -> str:
    """Line styles in words, where the entries are taken by colours."""
    if crowded or n_labels == 1:
        return ""
    styles = "solid: validation, dashed: training" if training else "validation"
    return f"{styles}, star: best epoch of the best run" if has_best else styles
