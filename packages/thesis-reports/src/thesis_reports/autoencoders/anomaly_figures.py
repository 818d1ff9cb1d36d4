"""Figures of anomaly scores, with captions that state their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thesis_facts import PROCESSES
from thesis_facts.errors import ThesisError
from thesis_reports.autoencoders.anomaly_finders import Finder
from thesis_reports.figures.grid import draw_grid, grid_data
from thesis_reports.figures.score_distribution import draw_densities, score_densities
from thesis_reports.figures.settings import SettingPoint, draw_settings, settings_data
from thesis_reports.report import Report
from thesis_reports.rounding import number
from thesis_reports.statistics import spread


def add_scores(report: Report, finders: Sequence[Finder], signal: str) -> None:
    """Scores side by side, each with its runs."""
    points = [
        SettingPoint(f.label, np.array(f.test_values), f.test.mean, f.test.sd) for f in finders
    ]
    caption = f"Test AUROC of {signal} for each score, in the order of the validation split. "
    caption += f"First: {finders[0].label} with {number(finders[0].test.mean)}. 0.5 is chance; "
    caption += f"events leave the first uncertain by {number(finders[0].event_error, 2)}."
    report.figure(
        "scores",
        "Scores",
        lambda: draw_settings(points, quantity=f"test AUROC of {signal}"),
        caption,
        data=settings_data(points),
        wide=True,
    )


def add_distributions(report: Report, runs: Sequence[str], best: Finder, signal: str) -> None:
    """The best score by process."""
    title = f"Distribution of {best.score}"
    try:
        scores = report.scores.read_anomaly(runs[0], "test")
    except ThesisError as error:
        report.not_drawn("distributions", title, str(error))
        return
    weights = np.ones(len(scores)) if scores.weights is None else scores.weights
    of_process = {
        name: (scores.scores[best.score][rows], weights[rows])
        for label, name in PROCESSES.items()
        if (rows := scores.process == label).any()
    }
    means = ", ".join(
        f"{name} {number(float(np.average(values, weights=w)), 3)}"
        for name, (values, w) in of_process.items()
        if w.sum() > 0
    )
    caption = f"Test split, first run of {best.setting}. Means: {means}. Each has unit area."
    data = score_densities(of_process, signal)
    report.figure(
        "distributions",
        title,
        lambda: draw_densities(data, quantity=best.score),
        caption,
        data=data,
    )


def add_processes(
    report: Report,
    reports: Mapping[str, Mapping[str, Any]],
    runs: Sequence[str],
    best: Finder,
    signal: str,
) -> None:
    """What each score finds of each process."""
    splits = [reports[run]["splits"]["test"] for run in runs]
    scores, processes = list(splits[0]), list(splits[0][best.score])  # each run has this score
    fields = {
        (score, process): spread([one[score][process]["auroc"] for one in splits])
        for score in scores
        for process in processes
        if all(one.get(score, {}).get(process, {}).get("auroc") is not None for one in splits)
    }
    caption = f"Test AUROC of each process against the other background, {best.setting}. "
    caption += f"{best.score} tells {signal} with {number(fields[best.score, signal].mean)}."
    report.figure(
        "processes",
        "Processes",
        lambda: draw_grid(
            fields, scores, processes, axes_names=("score", "process"), quantity="test AUROC"
        ),
        caption,
        data=grid_data(fields, ("score", "process")),
        wide=True,
    )


def add_corruptions(
    report: Report, reports: Mapping[str, Mapping[str, Any]], runs: Sequence[str], best: Finder
) -> None:
    """Which scores see that events were changed."""
    title = "Corrupted events"
    found = [reports[run].get("corruptions") or {} for run in runs]
    corruptions = list(found[0])
    if not all(found):
        report.not_drawn("corruptions", title, "Some runs tried no corruption.")
        return
    scores = list(found[0][corruptions[0]])
    fields = {
        (score, corruption): spread([one[corruption][score]["auroc"] for one in found])
        for corruption in corruptions
        for score in scores
        if all(score in one.get(corruption, {}) for one in found)
    }
    strongest = max(fields, key=lambda field: abs(fields[field].mean - 0.5))
    caption = "AUROC by which a score tells changed test events from the same as they were, "
    caption += f"{best.setting}. 0.5: it does not see the change. Clearest: {strongest[0]} sees "
    caption += f"{strongest[1]} with {number(fields[strongest].mean, 3)}."
    report.figure(
        "corruptions",
        title,
        lambda: draw_grid(
            fields, scores, corruptions, axes_names=("score", "corruption"), quantity="AUROC"
        ),
        caption,
        data=grid_data(fields, ("score", "corruption")),
        wide=True,
    )
