"""Figures of classifiers against what was measured of the events: HT, jets, leptons, MET."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thesis_reports.classifiers.comparison import WORKING_POINT
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import Events, Judging
from thesis_reports.classifiers.slices import auroc_by_slice, efficiency_by_slice, slices_of
from thesis_reports.figures.efficiency import draw_efficiency
from thesis_reports.figures.slices import draw_slices
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number, with_uncertainty

FEWEST_OF_CLASS = 30.0  # effective events of a class in a slice with an AUROC
_FEWEST_IN_BIN = 10.0  # of an efficiency
_N_BINS, _N_SLICES = 8, 4
_SHORT = {"n_jets": "jets", "n_bjets": "b-jets", "n_leptons": "leptons", "ht": "HT", "met": "MET"}
_UNIT = {"ht": " (GeV)", "met": " (GeV)"}
_HINT = "inference.enabled=true makes them where the checkpoints are at hand"


def add_efficiencies(
    report: Report, models: Sequence[Model], events: Events, judging: Judging
) -> None:
    """Efficiencies at a fixed working point against HT and the number of jets."""
    _add_efficiency(report, models, events, judging, "ht", r"$H_T$ [GeV]")
    _add_efficiency(report, models, events, judging, "n_jets", "number of jets")


def add_slices(report: Report, models: Sequence[Model], events: Events, judging: Judging) -> None:
    """AUROC in slices of all variables at hand."""
    title = "AUROC in slices"
    missing = [_SHORT[name] for name in _SHORT if _why_not(events, name)]
    if len(missing) == len(_SHORT):
        report.not_drawn("slices", title, _why_not(events, "ht"))
        return
    parts = []
    for name in _SHORT:
        if _why_not(events, name):
            continue
        values = np.asarray(events.columns[name], dtype=np.float64)
        slices = slices_of(values, _N_SLICES)
        for model in models:
            found = auroc_by_slice(
                [run.score for run in model.runs],
                events.is_signal,
                events.weights,
                values,
                slices,
                fewest=FEWEST_OF_CLASS,
            )
            variable = _SHORT[name] + _UNIT.get(name, "")
            parts.append(found.assign(model=model.label, variable=variable))
    data = pd.concat(parts, ignore_index=True)
    n_runs = data["model"].map({model.label: len(model.runs) for model in models})
    data["error"] = np.hypot(data["event_error"], data["seed_sd"].fillna(0) / np.sqrt(n_runs))
    best = data[(data["model"] == models[0].label) & data["auroc"].notna()]
    if not len(best):
        reason = f"No slice holds {FEWEST_OF_CLASS:g} events of both classes."
        report.not_drawn("slices", title, reason)
        return
    low, high = best.loc[best["auroc"].idxmin()], best.loc[best["auroc"].idxmax()]
    caption = f"AUROC of {events.signal_name} among the events of each slice, {judging.split} "
    caption += f"split. {models[0].label}: from {_told(low)} to {_told(high)}; all events "
    caption += f"{number(models[0].over_runs('auroc').mean)}. "
    caption += (
        "Means over runs; bars are one standard deviation of the mean, events and seeds together."
    )
    empty = data[(data["model"] == models[0].label) & data["auroc"].isna()]
    if len(empty):
        which = ", ".join(f"{one.variable} {one.slice}" for one in empty.itertuples())
        caption += f" Left out, for fewer than {FEWEST_OF_CLASS:g} events of a class: {which}."
    if missing:
        caption += f" Not known of these events: {', '.join(missing)}."
    report.figure(
        "slices",
        title,
        lambda: draw_slices(data, signal=events.signal_name),
        caption,
        data=data,
    )


def _add_efficiency(
    report: Report,
    models: Sequence[Model],
    events: Events,
    judging: Judging,
    variable: str,
    quantity: str,
) -> None:
    name = {"ht": "efficiency_ht", "n_jets": "efficiency_jets"}[variable]
    title = f"Efficiency against {_SHORT[variable]}"
    reason = _why_not(events, variable)
    if reason:
        report.not_drawn(name, title, reason)
        return
    values = np.asarray(events.columns[variable], dtype=np.float64)
    slices = slices_of(values, _N_BINS)
    parts = []
    for model in models:
        found = efficiency_by_slice(
            [run.score for run in model.runs],
            events.is_signal,
            events.weights,
            values,
            slices,
            efficiency=WORKING_POINT,
            fewest=_FEWEST_IN_BIN,
        )
        parts.append(found.assign(model=model.label))
    data = pd.concat(parts, ignore_index=True)
    if not len(data):
        report.not_drawn(name, title, f"No bin holds {_FEWEST_IN_BIN:g} events of a class.")
        return
    first = data[data["model"] == models[0].label]
    caption = f"Fraction of events above the cut with ε_S = {WORKING_POINT:g} over all events, "
    caption += f"{judging.split} split. {models[0].label}: "
    caption += "; ".join(
        _from_to(sample, first[first["sample"] == sample], variable)
        for sample in ("signal", "background")
        if (first["sample"] == sample).any()
    )
    caption += ". Means over runs; bars are the 68 % Wilson interval of one run's events. "
    caption += "The first and the last bin hold all beyond."
    left_out = 2 * len(slices) - len(first)
    if left_out:
        caption += f" {counted(left_out, 'bin')} with fewer than {_FEWEST_IN_BIN:g} events "
        caption += "of the class left out."
    report.figure(
        name,
        title,
        lambda: draw_efficiency(
            data, quantity=quantity, efficiency=WORKING_POINT, by_label=variable == "n_jets"
        ),
        caption,
        data=data,
    )


def _why_not(events: Events, variable: str) -> str:
    """Why nothing can be shown against a variable; empty where it can."""
    if variable not in events.columns:
        return f"The scores do not hold {variable} of the events; {_HINT}."
    if not np.isfinite(np.asarray(events.columns[variable], dtype=np.float64)).all():
        return f"{variable} is not finite for some events."
    return ""


def _told(row: pd.Series) -> str:
    value = with_uncertainty(row["auroc"], row["error"])
    return f"{value} ({row['variable']} {row['slice']})"


def _from_to(sample: str, rows: pd.DataFrame, variable: str) -> str:
    ends = [
        f"{number(row['efficiency'], 2)} at {_slice_text(variable, row['slice'])}"
        for row in (rows.iloc[0], rows.iloc[-1])
    ]
    return f"{sample} {', '.join(ends)}"


def _slice_text(variable: str, label: str) -> str:
    """As in ``≥ 11 jets`` or ``HT < 320 GeV``."""
    name = _SHORT[variable]
    return f"{name} {label} GeV" if variable in _UNIT else f"{label} {name}"
