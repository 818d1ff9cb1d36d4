"""Figures of runs with captions that state their numbers, ready to be added to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from thesis_reports.aggregation import Setting, SettingResult
from thesis_reports.best_run import BestRun, seed_noise
from thesis_reports.classifiers.evaluation import WORKING_POINTS, roc_lines
from thesis_reports.figures.curves import Curve, curves_data, draw_curves
from thesis_reports.figures.roc import draw_roc, roc_data
from thesis_reports.figures.score_distribution import draw_densities, probability_densities
from thesis_reports.figures.settings import MOST_ROWS, SettingPoint, draw_settings, settings_data
from thesis_reports.histories import curves
from thesis_reports.ranking import Metric
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number, with_uncertainty
from thesis_reports.sentences import spread_text


def add_losses(report: Report, settings: Sequence[Setting], best: BestRun | None) -> None:
    """Losses of all runs over epochs."""
    labels = _labels(settings)
    validation = curves(report.epochs, "val_loss", "val", labels)
    training = curves(report.epochs, "train_loss", "train", labels)
    _add_curves(report, "losses", "Losses", "loss", validation, training, best)


def add_metric(
    report: Report, settings: Sequence[Setting], best: BestRun | None, metric: Metric
) -> None:
    """The ranking metric over epochs."""
    if metric.name == "loss":
        return  # the losses show it already
    labels = _labels(settings)
    validation = curves(report.epochs, metric.per_epoch, "val", labels)
    training = curves(report.epochs, metric.per_epoch, "train", labels)
    title = f"{metric.label} over epochs"
    _add_curves(report, "metric", title, metric.label, validation, training, best)


def add_settings(report: Report, results: Sequence[SettingResult], metric: Metric) -> None:
    """Settings side by side, each with its seeds."""
    title = "Settings compared"
    if len(results) < 2:
        if len(report.runs) > 1:
            report.not_drawn("settings", title, "Only one setting has a result.")
        return
    values = report.runs.set_index("run_dir")[metric.column]
    points = [
        SettingPoint(
            result.setting.label,
            values.reindex(list(result.setting.run_dirs)).dropna().to_numpy(dtype=float),
            result.metric.mean,
            result.metric.sd,
        )
        for result in results
    ]
    caption = f"Validation {metric.label} at the best epoch. Best: {results[0].setting.label}, "
    caption += f"{spread_text(results[0].metric)}; last of {len(results)}: "
    caption += f"{spread_text(results[-1].metric)}. "
    noise, n_noise = seed_noise(results)
    if n_noise:
        caption += (
            f"Diamonds are means, bars the standard deviation over seeds, whose median over "
            f"{counted(n_noise, 'setting')} is {number(noise, 2)}: differences that are not "
            "well above it mean little."
        )
    else:
        caption += "One seed each: how far seeds scatter is unknown here."
    if len(results) > MOST_ROWS:
        caption += f" The best {MOST_ROWS} of {len(results)} are shown."
    quantity = f"validation {metric.label}"
    report.figure(
        "settings",
        title,
        lambda: draw_settings(points, quantity=quantity),
        caption,
        data=settings_data(points),
        wide=True,
    )


def add_roc(report: Report, best: BestRun | None) -> None:
    """ROC curve of the best run on the test split, with working points."""
    title = "Background rejection"
    lines = roc_lines(best.test) if best else []
    if best is None or best.test.scores is None or not lines:
        if _is_about_classifiers(report):
            report.not_drawn("roc", title, _why_no_scores(best))
        return
    names = best.test.scores.class_names
    signal = names[1] if len(names) == 2 else "each class"
    caption = f"Test split of {best.row['name']}, {len(best.test.scores):,} events, "
    if len(names) == 2:
        auroc = with_uncertainty(*best.test.estimate("auroc"))
        caption += f"{names[1]} against {names[0]}. AUROC {auroc}. "
        caption += f"Background rejection 1/ε_B: {_working_points(best)}. "
    else:
        caption += f"each class against the rest. AUROC: {_auroc_by_class(best, names)}. "
    caption += "Bands and bars are one standard deviation of the event statistics."
    report.figure(
        "roc", title, lambda: draw_roc(lines, signal=signal), caption, data=roc_data(lines)
    )


def add_scores(report: Report, best: BestRun | None) -> None:
    """Classifier output of the best run on the test split, by true class."""
    title = "Classifier output"
    scores = best.test.scores if best else None
    if best is None or scores is None:
        if _is_about_classifiers(report):
            report.not_drawn("scores", title, _why_no_scores(best))
        return
    if len(scores.class_names) != 2:
        report.not_drawn("scores", title, "Drawn for two classes only.")
        return
    probability = scores.probabilities[:, 1]
    weights = np.ones(len(scores)) if scores.weights is None else scores.weights
    of_class = {name: scores.labels == i for i, name in enumerate(scores.class_names)}
    signal = scores.class_names[1]
    means = [
        f"{float(np.average(probability[rows], weights=weights[rows])):.3f} for {name}"
        for name, rows in of_class.items()
        if weights[rows].sum() > 0
    ]
    caption = f"Test split of {best.row['name']}. Mean probability of {signal}: "
    caption += f"{' and '.join(means)}. Each histogram has unit area."
    data = probability_densities(
        {name: probability[rows] for name, rows in of_class.items()},
        {name: weights[rows] for name, rows in of_class.items()},
    )
    quantity = f"predicted probability of {signal}"
    report.figure(
        "scores", title, lambda: draw_densities(data, quantity=quantity), caption, data=data
    )


def _add_curves(
    report: Report,
    name: str,
    title: str,
    quantity: str,
    validation: Mapping[str, Curve],
    training: Mapping[str, Curve],
    best: BestRun | None,
) -> None:
    if not validation and not training:
        report.not_drawn(name, title, "No run has written an epoch yet.")
        return
    best_dir = best.run_dir if best else ""
    epoch = best.epoch if best else None
    caption = "" if len(report.runs) == 1 else f"{len(validation or training)} runs. "
    if best_dir in validation and epoch is not None:
        caption += _best_epoch(quantity, validation[best_dir], training.get(best_dir), epoch)
    report.figure(
        name,
        title,
        lambda: draw_curves(
            validation, training, quantity=quantity, best=best_dir, best_epoch=epoch
        ),
        caption,
        data=curves_data(validation, training, best=best_dir),
    )


def _best_epoch(quantity: str, validation: Curve, training: Curve | None, epoch: float) -> str:
    value, last = validation.at(epoch), validation.epochs.max()
    text = f"The best epoch is {epoch:.0f} of {last:.0f}, with {quantity} "
    text += f"{number(value)} in validation"
    if training is not None and np.isfinite(training.at(epoch)):
        text += f" and {number(training.at(epoch))} in training"
    late = epoch == last and quantity == "loss"
    return f"{text}. It is the last epoch: longer training may still help." if late else f"{text}."


def _working_points(best: BestRun) -> str:
    found = [(p, *best.test.estimate(f"rejection_at_{p:g}")) for p in WORKING_POINTS]
    return ", ".join(
        f"{with_uncertainty(value, error)} at ε_S = {point:g}"
        for point, value, error in found
        if np.isfinite(value)
    )


def _auroc_by_class(best: BestRun, names: Sequence[str]) -> str:
    return ", ".join(
        f"{name} {with_uncertainty(*best.test.estimate(f'auroc_{name}'))}" for name in names
    )


def _is_about_classifiers(report: Report) -> bool:
    return "metric_acc_best" in report.runs or "metric_auroc_best" in report.runs


def _why_no_scores(best: BestRun | None) -> str:
    if best is None:
        return "No run has a result."
    return best.test.missing or "A class has no events."


def _labels(settings: Sequence[Setting]) -> dict[str, str]:
    return {run: setting.label for setting in settings for run in setting.run_dirs}
