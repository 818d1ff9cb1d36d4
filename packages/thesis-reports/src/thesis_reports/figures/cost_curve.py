"""Quality against a cost: settings with their spread, the front that none beats, a fitted law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.costs.power_law import PowerLaw
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_CURVE_POINTS = 60
_WIDE_RANGE = 3.0  # largest over smallest, above which an axis is logarithmic
_LONGEST_LABEL = 30
_MOST_IN_STEPS = 300


@dataclass(frozen=True, eq=False)
class CostPoint:
    """A setting.

    Attributes
    ----------
    cost, cost_sd
        Over its runs; `cost_sd` is NaN for a single one.
    cost_error
        Standard error of the logarithm of the cost: see `thesis_reports.costs.scatter`.
    values : [n], error of each run
    is_on_front
        Whether no other setting is better at no larger cost.
    """

    label: str
    cost: float
    cost_sd: float
    cost_error: float
    values: NDArray[np.float64]
    is_on_front: bool


def cost_curve_data(points: Sequence[CostPoint], law: PowerLaw | None) -> pd.DataFrame:
    """What `draw_cost_curve` shows: a row per run, per setting and per point of the law."""
    rows = []
    for point in points:
        common = {"setting": point.label, "cost": point.cost}
        rows += [{"kind": "run", **common, "error": value} for value in point.values]
        sd = float(np.std(point.values, ddof=1)) if len(point.values) > 1 else np.nan
        mean = float(point.values.mean())
        about = {"cost_sd": point.cost_sd, "sd": sd, "on_front": point.is_on_front}
        rows.append({"kind": "setting", **common, "error": mean, **about})
    if law is not None:
        costs = [point.cost for point in points]
        x = np.geomspace(min(costs), max(costs), _CURVE_POINTS)
        low, high = law.band(x) if len(law.resampled) else (law.at(x), law.at(x))
        parts = zip(x, law.at(x), low, high, strict=True)
        names = ("cost", "error", "low", "high")
        kind = "no law" if law.objection else "law"
        rows += [{"kind": kind, **dict(zip(names, part, strict=True))} for part in parts]
    columns = ["kind", "setting", "cost", "cost_sd", "error", "sd", "on_front", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def draw_cost_curve(data: pd.DataFrame, *, cost: str, quantity: str) -> Figure:
    """Errors against cost.

    Parameters
    ----------
    data
        See `cost_curve_data`.
    cost, quantity
        What the axes show, with units.
    """
    figure, axes = new_figure()
    settings = data[data["kind"] == "setting"]
    runs = data[data["kind"] == "run"]
    names = list(settings["setting"])
    few = len(names) <= MOST_COLOURED
    colours = dict(zip(names, COLOURS if few else [COLOURS[0]] * len(names), strict=False))
    _draw_law(axes, data[data["kind"].isin(["law", "no law"])])
    front = settings[settings["on_front"].astype(bool)].sort_values("cost")
    axes.plot(
        front["cost"], front["error"], color=INK if few else BEST, linewidth=1.0,
        linestyle=(0, (4, 2)), zorder=1, label="front (validation)",
    )  # fmt: skip
    axes.plot(runs["cost"], runs["error"], "o", color=QUIET, markersize=3, zorder=2)
    for row in settings.itertuples():
        is_known = np.isfinite(row.sd)
        axes.errorbar(
            row.cost, row.error, yerr=row.sd if is_known else None,
            xerr=row.cost_sd if row.cost_sd > 0 else None,
            fmt="D" if row.on_front else "o", color=colours[row.setting], markersize=6,
            markeredgecolor=INK if row.on_front else "none", capsize=3, linewidth=1.3, zorder=3,
            label=plain(row.setting, _LONGEST_LABEL) if few else "_",
        )  # fmt: skip
    _scale(axes, data)
    axes.grid(which="major", color="#e9ebef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(plain(cost))
    axes.set_ylabel(plain(quantity))
    legend_above(figure, axes)
    return figure


def _draw_law(axes: Axes, law: pd.DataFrame) -> None:
    if not len(law):
        return
    axes.fill_between(
        law["cost"], law["low"], law["high"], color=QUIET, alpha=0.3, linewidth=0, zorder=0
    )
    is_law = law["kind"].iloc[0] == "law"
    axes.plot(
        law["cost"], law["error"], color="#7b818c", linewidth=1.3, zorder=1,
        linestyle="-" if is_law else ":", label="power law" if is_law else "fit, no law",
    )  # fmt: skip


def _scale(axes: Axes, data: pd.DataFrame) -> None:
    """Logarithmic where values span much; elsewhere its few ticks would tell less."""
    cost, error = data["cost"], data["error"]
    if cost.max() > _WIDE_RANGE * cost.min():
        axes.set_xscale("log")
        _label_logarithmic(axes.xaxis)
    if error.min() > 0 and error.max() > _WIDE_RANGE * error.min():
        axes.set_yscale("log")
        _label_logarithmic(axes.yaxis)
    axes.margins(x=0.08, y=0.1)


def _label_logarithmic(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 of each decade; of many decades at the decades alone."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_data_interval()
    steps = (1.0, 2.0, 5.0) if high < _MOST_IN_STEPS * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _brief(value)))
    axis.set_minor_formatter(NullFormatter())


def _brief(value: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
