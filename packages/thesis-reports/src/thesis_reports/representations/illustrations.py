"""Figures of representations with the captions that state their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from thesis_reports.figures.alignment import MOST_SETTINGS, draw_alignment
from thesis_reports.figures.grid import grid_data
from thesis_reports.figures.probe_values import BASELINE, draw_probes
from thesis_reports.figures.representation_map import draw_map
from thesis_reports.figures.spectrum import SpectrumLine, draw_spectra, spectrum_data
from thesis_reports.figures.style import MOST_COLOURED
from thesis_reports.report import Report
from thesis_reports.representations.alignment_grid import (
    Fields,
    Pairs,
    align_settings,
    summarise_alignment,
)
from thesis_reports.representations.probe_groups import (
    SettingProbes,
    dimension_text,
    error_of,
    quantities_of,
    variables_text,
)
from thesis_reports.representations.survey import Survey
from thesis_reports.rounding import counted, number, with_uncertainty


def add_map(report: Report, found: Survey, names: Mapping[str, str]) -> None:
    title, plane = "Map", found.plane
    if plane is None:
        few = "The embeddings have one dimension." if found.runs else "No run has embeddings."
        report.not_drawn("map", title, few)
        return
    total = 100 * sum(plane.shares)
    caption = f"{counted(len(plane.data), 'test event')} of {names[plane.run_dir]}, along the two "
    caption += "principal components of its validation events, which hold "
    caption += f"{total:.0f} % of their variance. Between the means of processes (large points) "
    caption += f"lie {100 * plane.between:.0f} % of the variance in this plane, and "
    caption += f"{100 * plane.between_in_all:.0f} % of that in all dimensions."
    report.figure(
        "map", title, lambda: draw_map(plane.data, plane.shares), caption, data=plane.data
    )


def add_probes(report: Report, probed: Sequence[SettingProbes], found: Survey) -> None:
    rows = [
        {
            "quantity": quantity,
            "setting": one.label,
            "value": group.mean,
            "error": error_of(group),
            "n": len(group.values),
        }
        for quantity in quantities_of(probed, found)
        for one in probed[:MOST_COLOURED]
        if (group := one.groups.get(quantity)) is not None
    ]
    if not rows:
        report.not_drawn("probes", "Probes", "No embeddings could be probed.")
        return
    rows += [
        {
            "quantity": quantity,
            "setting": BASELINE,
            "value": base.value,
            "error": float(np.linalg.norm(base.influence)),
            "n": 1,
        }
        for quantity, base in found.baseline.items()
    ]
    data = pd.DataFrame(rows)
    first = probed[0]
    known = [f"{name} {with_uncertainty(g.mean, error_of(g))}" for name, g in first.groups.items()]
    caption = f"Linear probes of embeddings. {first.label}: {'; '.join(known)}. Bars are seeds and "
    caption += "test events together."
    if found.baseline:
        caption += f" Diamonds: the same probes of {variables_text(found)}; R² of one is from the "
        caption += "others."
    hidden = len(probed) - MOST_COLOURED
    if hidden > 0:
        caption += f" {counted(hidden, 'setting')} more in the table."
    report.figure("probes", "Probes", lambda: draw_probes(data), caption, data=data, wide=True)


def add_cka(report: Report, probed: Sequence[SettingProbes], pairs: Pairs) -> Fields:
    """Between settings, and between different runs of a setting."""
    title, shown = "CKA", probed[:MOST_SETTINGS]
    name, labels = _short_labels([one.label for one in shown])
    fields = align_settings(shown, labels, pairs)
    if not fields:
        reason = "No two runs have embeddings that CKA can compare."
        report.not_drawn("cka", title, f"{reason}{_undefined_text(pairs)}")
        return {}
    said = summarise_alignment(fields, pairs)
    caption = "Linear CKA (unbiased) of test embeddings: mean ± standard deviation over pairs of "
    caption += "runs, on the diagonal over those of one setting."
    if np.isfinite(said.within):
        caption += f" Runs of one setting: {number(said.within, 3)} on average"
        caption += f"; of two: {number(said.across, 3)}." if np.isfinite(said.across) else "."
    if said.least is not None:
        a, b, least = said.least
        caption += f" Least alike: {a} and {b}, {with_uncertainty(least.mean, least.sd)}."
    if np.isfinite(said.event_error):
        caption += f" Test events leave a pair uncertain by {number(said.event_error, 2)} (median)."
    caption += _undefined_text(pairs)
    if len(probed) > len(shown):
        caption += f" {counted(len(probed) - len(shown), 'setting')} more are in summary.json."
    report.figure(
        "cka",
        title,
        lambda: draw_alignment(fields, labels, name=name),
        caption,
        data=grid_data(fields, (name, name)),
        wide=len(labels) > 2,
    )
    return fields


def _undefined_text(pairs: Pairs) -> str:
    n_undefined = sum(not np.isfinite(one.value) for one in pairs.values())
    if not n_undefined:
        return ""
    text = f" CKA is undefined for {counted(n_undefined, 'pair')} of runs, which are left out: "
    return text + "of one or both embeddings the unbiased HSIC with itself is not above zero."


def add_spectrum(report: Report, probed: Sequence[SettingProbes]) -> None:
    if not probed:
        report.not_drawn("spectrum", "Spectrum", "No run has embeddings.")
        return
    lines = [
        SpectrumLine(one.label, np.stack([run.shares for run in one.runs]))
        for one in probed[:MOST_COLOURED]
    ]
    known = "; ".join(f"{one.label} {dimension_text(one)}" for one in probed[:MOST_COLOURED])
    caption = "Share of the variance of test embeddings along each principal component, the mean "
    caption += f"over runs in the band of all of them. Effective dimension: {known}."
    data = spectrum_data(lines)
    report.figure("spectrum", "Spectrum", lambda: draw_spectra(data), caption, data=data)


def _short_labels(labels: Sequence[str]) -> tuple[str, list[str]]:
    """What settings differ in, and its values: of a single axis its name needs no repeating."""
    parts = [label.partition("=") for label in labels]
    names = {part[0] for part in parts}
    if len(names) == 1 and all("=" in label and ", " not in label for label in labels):
        return names.pop(), _apart([part[2] for part in parts])
    return "setting", _apart(labels)


def _apart(labels: Sequence[str]) -> list[str]:
    """Labels that differ, for a label rounds what it shows."""
    seen: Counter[str] = Counter()
    different = []
    for label in labels:
        seen[label] += 1
        different.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return different
