"""How good is each model?

Models are groups of runs, chosen on validation and judged on a split that chose nothing: how well
they separate the signal, whether their probabilities are true, what a search would gain, where
they fail, and which of them differ by more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from omegaconf import DictConfig
from pydantic import Field

from thesis_facts.errors import ConfigError
from thesis_facts.metrics.cuts import CountingExperiment
from thesis_reports.aggregation import group_by_seed
from thesis_reports.classifiers.comparison import WORKING_POINT, MetricComparison, compare_models
from thesis_reports.classifiers.figures import (
    add_calibration,
    add_confusion,
    add_processes,
    add_rejection,
    add_roc,
    add_scores,
    add_significance,
    rates,
)
from thesis_reports.classifiers.models import Model, judge_models
from thesis_reports.classifiers.robustness import Change, add_robustness
from thesis_reports.classifiers.runs import Events, Judging, rejection_key
from thesis_reports.classifiers.slice_figures import add_efficiencies, add_slices
from thesis_reports.classifiers.tables import (
    decision_table,
    differences_table,
    estimate_text,
    separation_table,
    significance_table,
    what_differs,
)
from thesis_reports.config import ReportConfig, Section, Strings, read_config
from thesis_reports.figures.style import MOST_COLOURED
from thesis_reports.groups import group_by_axes
from thesis_reports.overview import runs_overview
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted, number, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.thresholds import times_to_thresholds

FIGURES = (
    "roc", "scores", "processes", "confusion", "calibration", "efficiency_ht", "efficiency_jets",
    "slices", "significance", "rejection_by_process", "corruptions",
)  # fmt: skip


_DID = {"train": "they learned from", "val": "chose them"}


class CrossSections(Section):
    """Of the events as they are scored (fb)."""

    signal_fb: float = Field(12.0, gt=0, allow_inf_nan=False)
    background_fb: float = Field(800.0, gt=0, allow_inf_nan=False)


class Evaluate(Section):
    """How models are judged.

    `signal` is the class that is looked for; null takes the one that is 4t alone, else the second
    of two. `axes` are what models differ in, as in `compare`; none means all that was varied.
    Figures show the `most_models` best on validation. `luminosity` is in 1/fb;
    `relative_uncertainty` is that of the background. `working_points` are signal efficiencies.
    `bootstrap` is the number of replicates.
    """

    split: Literal["train", "val", "test"] = "test"
    signal: str | None = None
    axes: Strings = Field(default_factory=list)
    most_models: int = Field(6, ge=1, le=MOST_COLOURED)
    cross_sections: CrossSections = CrossSections()
    luminosity: float = Field(300.0, gt=0, allow_inf_nan=False)
    relative_uncertainty: float = Field(0.1, ge=0, allow_inf_nan=False)
    working_points: list[float] = Field(default_factory=lambda: [0.3, 0.5, 0.7])
    bootstrap: int = Field(500, ge=50)


class EvaluateConfig(ReportConfig):
    """Adds how models are judged."""

    report_name: str = "evaluate_classifier"
    evaluate: Evaluate = Evaluate()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Judge the classifiers of a sweep."""
    config = read_config(cfg, EvaluateConfig)
    asked = config.evaluate
    judging = _judging(asked)
    if config.rank_by not in (None, "auroc"):
        raise ConfigError(
            "models are ranked by one metric here",
            key="rank_by",
            found=config.rank_by,
            expected="auroc or null: the validation AUROC of evaluate.signal",
        )
    with open_report(config, "How good is each model?", FIGURES) as report:
        settings = group_by_seed(report.configs)
        groups = group_by_axes(settings, report.runs, asked.axes, key="evaluate.axes")
        judged = judge_models(groups, report.runs, report.scores, judging)
        models, events = judged.models, judged.events
        found: list[MetricComparison] = []
        not_compared: list[tuple[str, str]] = []
        changes: list[Change] = []
        if events is not None:
            found, not_compared = compare_models(models, events, asked.bootstrap)

        said = [how_runs_ended(report.runs, len(report.skipped))]
        if events is None:
            said.append(
                f"No run has scores of a classifier on the {asked.split} split to judge by; of "
                "autoencoders ask anomaly_detection or compare_tokenizers."
            )
        else:
            said += [_how_good(models, events, judging)]
            said += [what_differs(found, models[0].label, len(models) - 1)]
        report.answer = " ".join(said)
        if events is not None:
            _fill(report, models, events, judging, asked, found)
        report.reasons("Runs that did not finish", why_not_finished(report.runs))
        report.reasons("Runs that are not judged", judged.left_out)
        report.reasons("Models that are not compared", not_compared)
        if events is not None:
            _draw(report, models[: asked.most_models], events, judging)
            changes = add_robustness(report, models[: asked.most_models], events, judging)
        overview = runs_overview(
            report.runs, settings, times_to_thresholds(report.epochs, config.thresholds)
        )
        report.summary(
            overview,
            question=report.question,
            answer=report.answer,
            split=asked.split,
            signal=events.signal_name if events else None,
            n_events=len(events) if events else 0,
            models=[_record(model) for model in models],
            comparisons=[asdict(one) for one in found],
            corruptions=[asdict(one) for one in changes],
            left_out=[{"run": run, "reason": reason} for run, reason in judged.left_out],
        )


def _judging(asked: Evaluate) -> Judging:
    wrong = [point for point in asked.working_points if not 0 < point < 1]
    if wrong or not asked.working_points:
        raise ConfigError(
            "no signal efficiency",
            key="evaluate.working_points",
            found=wrong or "none",
            expected="numbers between 0 and 1",
        )
    experiment = CountingExperiment(
        asked.cross_sections.signal_fb,
        asked.cross_sections.background_fb,
        asked.luminosity,
        asked.relative_uncertainty,
    )
    points = sorted({*asked.working_points, WORKING_POINT})
    return Judging(asked.split, asked.signal, tuple(points), experiment)


def _how_good(models: Sequence[Model], events: Events, judging: Judging) -> str:
    best = models[0]
    auroc = best.over_runs("auroc")
    chance = with_uncertainty(auroc.mean, best.event_error("auroc"))
    alone = len(models) == 1
    text = "" if alone else f"On the validation split {best.label} is best. "
    who = "the model" if alone else "it"
    text += f"On the {judging.split} split {who} tells {events.signal_name} from "
    text += f"{events.background_name} with AUROC {chance}{' (events)' if '±' in chance else ''}"
    if auroc.n > 1:
        text += f" and a spread of {number(auroc.sd, 2)} over {auroc.n} runs"
    key = rejection_key(WORKING_POINT)
    rejection = best.over_runs(key)
    if np.isfinite(rejection.mean):
        kept = with_uncertainty(rejection.mean, best.error(key))
        text += f", and keeps one background event in {kept} at ε_S = {WORKING_POINT:g}"
    else:
        text += f", and keeps less than one background event in {number(best.lower_limit(key), 3)}"
        text += f" (95 %) at ε_S = {WORKING_POINT:g}"
    asimov = best.over_runs("asimov")
    if np.isfinite(asimov.mean):
        expected = with_uncertainty(asimov.mean, best.error("asimov"))
        text += f". Expected significance: {expected} (Asimov; {rates(judging)})"
    return f"{text}."


def _fill(
    report: Report,
    models: Sequence[Model],
    events: Events,
    judging: Judging,
    asked: Evaluate,
    found: Sequence[MetricComparison],
) -> None:
    """Key numbers, tables and notes."""
    best, signal = models[0], events.signal_name
    note = "± events" if len(best.runs) < 2 else "± seeds and events"
    report.key_number(f"{asked.split} AUROC", _brief(best, "auroc"), note)
    key = rejection_key(WORKING_POINT)
    report.key_number(f"1/ε_B at ε_S = {WORKING_POINT:g}", _brief(best, key), note)
    report.key_number("expected significance", _brief(best, "asimov"), f"Asimov; {note}")
    if found:
        n_found = sum(row.is_found for one in found for row in one.rows)
        n_rows = sum(len(one.rows) for one in found)
        report.key_number("more than chance", f"{n_found} of {n_rows}", "Holm's correction, 5 %")
    shown = min(asked.most_models, len(models))
    report.table(separation_table(models, judging.working_points, asked.split, signal, shown))
    report.table(decision_table(models, asked.split))
    if any(run.cut for model in models for run in model.runs):
        report.table(significance_table(models, asked.split, rates(judging)))
    if found:
        report.table(differences_table(found, best.label, asked.bootstrap))
    if shown < len(models):
        report.note(f"Figures show the {shown} best on validation of {len(models)} models.")
    if asked.split != "test":
        report.note(f"Models are judged on events that {_DID[asked.split]}: their numbers flatter.")
    at_limit = sum(run.cut_at_limit for model in models for run in model.runs)
    if at_limit:
        n_runs = sum(len(model.runs) for model in models)
        report.note(
            f"For {at_limit} of {counted(n_runs, 'run')} the best cut is as tight as the simulated "
            "background allows: with more of it, a tighter cut may reach a higher significance."
        )
    if len(models) > 1 and all(len(model.runs) < 2 for model in models):
        report.note("No model has two seeds: what seeds do is not counted.")


def _brief(model: Model, key: str) -> str:
    value = model.over_runs(key).mean
    if np.isfinite(value):
        return with_uncertainty(value, model.error(key))
    return estimate_text(model, key)


def _draw(report: Report, models: Sequence[Model], events: Events, judging: Judging) -> None:
    add_roc(report, models, events, judging)
    add_scores(report, models[0], events, judging)
    add_processes(report, models[0], events, judging)
    add_confusion(report, models[0], events, judging)
    add_calibration(report, models, events, judging)
    add_efficiencies(report, models, events, judging)
    add_slices(report, models, events, judging)
    add_significance(report, models, events, judging)
    add_rejection(report, models, events, judging)


def _record(model: Model) -> dict[str, Any]:
    """Plain data of a model: numbers of each run with their uncertainties."""
    return {
        "label": model.label,
        "val_auroc": model.val_auroc.mean,
        "representative": model.representative.run_dir,
        "runs": [
            {
                "run_dir": run.run_dir,
                "val_auroc": run.val_auroc,
                "calibration_if_perfect": run.calibration_if_perfect,
                "cut": run.cut.threshold if run.cut else None,
                "lower_limits": run.limits,
                **{key: list(one) for key, one in run.numbers.items()},
            }
            for run in model.runs
        ],
    }
