"""Figures of classifiers with captions that state their numbers, ready to be added to a report.

What compares models is the mean over their runs; what shows the output of one classifier is the
run with the median validation AUROC, which is neither lucky nor unlucky.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thesis_facts import PROCESSES
from thesis_facts.metrics.sample import effective_events
from thesis_reports.classifiers.comparison import WORKING_POINT
from thesis_reports.classifiers.curves import ALL, rejections_by_process, roc_line
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import FEWEST_BACKGROUND, Events, Judging, rejection_key
from thesis_reports.classifiers.tables import estimate_text
from thesis_reports.figures.calibration import calibration_data, draw_calibration
from thesis_reports.figures.confusion import confusion_data, draw_confusion
from thesis_reports.figures.rejection import draw_rejection
from thesis_reports.figures.roc import draw_roc, roc_data
from thesis_reports.figures.score_distribution import densities, draw_densities
from thesis_reports.figures.significance import draw_significance, significance_data
from thesis_reports.report import Report
from thesis_reports.rounding import number, with_uncertainty

_FEWEST_BINS, _MOST_BINS = 10, 40
NO_PROCESS = "The scores do not say which process events are of."


def add_roc(report: Report, models: Sequence[Model], events: Events, judging: Judging) -> None:
    """Background rejection against signal efficiency, a line per model."""
    title = "Background rejection"
    lines = [roc_line(model, events, judging) for model in models]
    lines = [line for line in lines if len(line.signal_efficiency)]
    if not lines:
        report.not_drawn("roc", title, "Too little background passes at any signal efficiency.")
        return
    with_ratio = len(lines) > 1 and lines[0].label == models[0].label
    key = rejection_key(WORKING_POINT)
    caption = f"{_where(events, judging)}, {events.signal_name} against {events.background_name}. "
    caption += f"AUROC and 1/ε_B at ε_S = {WORKING_POINT:g}: "
    caption += "; ".join(
        f"{model.label} {estimate_text(model, 'auroc')}, {estimate_text(model, key)}"
        for model in models
    )
    caption += f"{_first_second(models)}. "
    caption += "Lines are ε_B averaged over runs at each ε_S; bands are one standard deviation "
    caption += "of a single training, events and seeds together"
    caption += "."
    if with_ratio:
        caption += f" Below: the rejection over that of {models[0].label}; its band is wider than "
        caption += "the uncertainty of ratios, as the events are the same for all."
    report.figure(
        "roc",
        title,
        lambda: draw_roc(lines, signal=events.signal_name, with_ratio=with_ratio),
        caption,
        data=roc_data(lines),
    )


def add_scores(report: Report, best: Model, events: Events, judging: Judging) -> None:
    """Signal probability of the best model, by true class."""
    of_class = {name: events.labels == i for i, name in enumerate(events.class_names)}
    _add_densities(report, "scores", "Classifier output", of_class, best, events, judging)


def add_processes(report: Report, best: Model, events: Events, judging: Judging) -> None:
    """Signal probability of the best model, by process."""
    title = "Classifier output by process"
    if events.process is None:
        report.not_drawn("processes", title, NO_PROCESS)
        return
    of_process = {name: events.process == label for label, name in PROCESSES.items()}
    if len(np.unique(events.labels * 10 + events.process)) == len(events.class_names):
        reason = "Each class is one process: the figure would be that of the classes."
        report.not_drawn("processes", title, reason)
        return
    _add_densities(report, "processes", title, of_process, best, events, judging)


def add_confusion(report: Report, best: Model, events: Events, judging: Judging) -> None:
    """Which class the best model takes for which."""
    run = best.representative
    data = confusion_data(events.labels, run.chosen, events.weights, events.class_names)
    right = data[data["true"] == data["predicted"]]
    wrong = data[(data["true"] != data["predicted"]) & data["fraction"].notna()]
    caption = (
        f"{_of_run(best, events, judging)}. Per cent of each true class, ± the events. Right: "
    )
    caption += ", ".join(
        f"{one.true} {_per_cent(one.fraction, one.uncertainty)}" for one in right.itertuples()
    )
    if len(wrong):
        worst = wrong.loc[wrong["fraction"].idxmax()]
        caption += f". Most often mistaken: {worst['true']} for {worst['predicted']}, "
        caption += _per_cent(worst["fraction"], worst["uncertainty"])
    report.figure("confusion", "Confusion", lambda: draw_confusion(data), f"{caption}.", data=data)


def add_calibration(
    report: Report, models: Sequence[Model], events: Events, judging: Judging
) -> None:
    """Whether the signal probability is a frequency."""
    data = calibration_data(
        {model.label: model.representative.probability for model in models},
        events.is_signal,
        events.weights,
    )
    errors = []
    for model in models:
        run = model.representative
        value = with_uncertainty(*run.numbers["calibration_error"])
        errors.append(f"{model.label} {value} (if perfect {number(run.calibration_if_perfect, 2)})")
    caption = f"{_where(events, judging)}, the median run of each model. Calibration error: "
    caption += f"{'; '.join(errors)}. Bars are one standard deviation; bins with fewer than 5 "
    caption += "events have no point. Below: how often each probability is predicted. "
    caption += "Probabilities hold for the mix of classes in this sample."
    report.figure(
        "calibration",
        "Calibration",
        lambda: draw_calibration(data, signal=events.signal_name),
        caption,
        data=data,
    )


def add_significance(
    report: Report, models: Sequence[Model], events: Events, judging: Judging
) -> None:
    """Expected significance against the cut."""
    title = "Expected significance"
    data = significance_data(
        {model.label: model.representative.score for model in models},
        {model.label: model.representative.cut for model in models},
        events.is_signal,
        events.weights,
        judging.experiment,
        fewest=FEWEST_BACKGROUND,
    )
    if not len(data):
        reason = f"No cut leaves {FEWEST_BACKGROUND:g} simulated background events."
        report.not_drawn("significance", title, reason)
        return
    found = []
    for model in models:
        run = model.representative
        if run.cut is None:
            found.append(f"{model.label} none ({run.why_no_cut})")
            continue
        found.append(
            f"{model.label} {with_uncertainty(*run.cut.asimov)} (S = "
            f"{with_uncertainty(*run.cut.signal)}, B = {with_uncertainty(*run.cut.background)})"
        )
    caption = f"{_where(events, judging)}, the median run of each model; {rates(judging)}. Asimov "
    caption += f"significance at the cut chosen on validation: {'; '.join(found)}; ± is the "
    caption += "simulated sample (the peaks of the curves are partly luck). "
    caption += "The background is mixed as in the sample. Curves end where "
    caption += f"fewer than {FEWEST_BACKGROUND:g} simulated background events pass."
    report.figure(
        "significance",
        title,
        lambda: draw_significance(data, signal=events.signal_name),
        caption,
        data=data,
    )


def add_rejection(
    report: Report, models: Sequence[Model], events: Events, judging: Judging
) -> None:
    """Rejection of each background process with one and the same cut."""
    title = "Rejection of each process"
    if events.process is None:
        report.not_drawn("rejection_by_process", title, NO_PROCESS)
        return
    parts = [rejections_by_process(model, events, events.process) for model in models]
    data = pd.concat(parts, ignore_index=True)
    data = data[data["rejection"].notna()].reset_index(drop=True)
    if not len(data):
        report.not_drawn("rejection_by_process", title, "No background process has events.")
        return
    first = data[(data["model"] == models[0].label) & (data["background"] != ALL)]
    told = [
        f"{one.background} > {number(one.rejection, 3)}"
        if one.is_limit
        else f"{one.background} {number(one.rejection, 3)} ({number(one.lower, 2)} to "
        f"{number(one.upper, 2)})"
        for one in first.itertuples()
    ]
    caption = f"{_where(events, judging)}. One cut for all, at ε_S = {WORKING_POINT:g}. "
    caption += f"{models[0].label}: {', '.join(told)}. Means over runs of ε_B; bars are the "
    caption += "68 % interval of a single training, events and seeds together; arrows are lower "
    caption += "limits (95 %) where no event passes in any run."
    report.figure(
        "rejection_by_process",
        title,
        lambda: draw_rejection(data, efficiency=WORKING_POINT),
        caption,
        data=data,
    )


def rates(judging: Judging) -> str:
    """Cross sections, luminosity and uncertainty, in words."""
    one = judging.experiment
    text = f"{one.signal_cross_section:g} fb of signal, {one.background_cross_section:g} fb of "
    text += f"background, {one.luminosity:g} fb⁻¹, background uncertain by "
    return text + f"{100 * one.relative_background_uncertainty:g} %"


def _add_densities(
    report: Report,
    name: str,
    title: str,
    of_what: dict[str, np.ndarray],
    best: Model,
    events: Events,
    judging: Judging,
) -> None:
    probability, weights = best.representative.probability, events.weights
    known = {key: rows for key, rows in of_what.items() if weights[rows].sum() > 0}
    means = [
        f"{key} {float(np.average(probability[rows], weights=weights[rows])):.3f}"
        for key, rows in known.items()
    ]
    rarest = min(effective_events(weights[rows]) for rows in known.values())
    edges = np.linspace(0, 1, int(np.clip(np.sqrt(rarest), _FEWEST_BINS, _MOST_BINS)) + 1)
    data = densities(
        {key: (probability[rows], weights[rows]) for key, rows in known.items()}, edges
    )
    caption = f"{_of_run(best, events, judging)}. Mean probability of {events.signal_name}: "
    caption += f"{', '.join(means)}. Each histogram has unit area; bars are the events."
    quantity = f"predicted probability of {events.signal_name}"
    report.figure(name, title, lambda: draw_densities(data, quantity=quantity), caption, data=data)


def _where(events: Events, judging: Judging) -> str:
    split = {"train": "Training", "val": "Validation", "test": "Test"}[judging.split]
    weighted = ", weighted" if events.weighted else ""
    return f"{split} split, {len(events):,} events{weighted}"


def _of_run(model: Model, events: Events, judging: Judging) -> str:
    which = f"the median run of {len(model.runs)}" if len(model.runs) > 1 else "its run"
    return f"{_where(events, judging)}; {model.label}, {which}"


def _first_second(models: Sequence[Model]) -> str:
    if all(len(model.runs) < 2 for model in models):
        return " (± events)"
    return " (± seeds ± events)"


def _per_cent(fraction: float, error: float) -> str:
    text = with_uncertainty(100 * fraction, 100 * error)
    return text if text == "–" else f"{text} %"
