"""What ran, what failed, what is best?

The best run is chosen on the validation split, by the mean over seeds where a setting has some;
the test split is looked at for the chosen one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from thesis_facts import AXES
from thesis_reports.aggregation import group_by_seed, summarise
from thesis_reports.best_run import BestRun, find_best
from thesis_reports.config import ReportConfig, read_config
from thesis_reports.findings import findings
from thesis_reports.illustrations import (
    add_losses,
    add_metric,
    add_roc,
    add_scores,
    add_settings,
)
from thesis_reports.naming import value_text
from thesis_reports.overview import runs_overview, runs_table, settings_table
from thesis_reports.ranking import Metric, choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.reproduce import training_command
from thesis_reports.rounding import with_uncertainty
from thesis_reports.sentences import (
    how_runs_ended,
    spread_text,
    what_is_best,
    what_test_says,
    why_not_finished,
)
from thesis_reports.sweeps import missing_points, sweeps_table
from thesis_reports.thresholds import times_to_thresholds

FIGURES = ("settings", "losses", "metric", "roc", "scores")


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Summarise a sweep, or a single run."""
    config = read_config(cfg, ReportConfig)
    with open_report(config, "What ran, what failed, and what is best?", FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        times = times_to_thresholds(report.epochs, config.thresholds)
        settings = group_by_seed(report.configs)
        results = summarise(settings, report.runs, metric)
        best = find_best(report.runs, results, metric, report.scores)
        overview = runs_overview(report.runs, settings, times)

        if len(report.runs) == 1:
            report.question = "How did this run go?"
        report.answer = " ".join(
            sentence
            for sentence in (
                how_runs_ended(report.runs, len(report.skipped)),
                what_is_best(best, metric, len(report.runs), len(settings)),
                what_test_says(best, metric),
            )
            if sentence
        )
        _add_key_numbers(report, best, metric)
        if any(result.metric.n > 1 for result in results):
            names = dict(zip(overview["run_dir"], overview["name"], strict=True))
            report.table(settings_table(results, metric, names))
        if len(overview):
            run_dir = best.run_dir if best else None
            report.table(runs_table(overview, settings, metric, run_dir, list(times)))
        _add_failures(report)
        add_settings(report, results, metric)
        add_losses(report, settings, best)
        add_metric(report, settings, best, metric)
        add_roc(report, best)
        add_scores(report, best)
        _add_configuration(report, best)
        if best is not None:
            which = "it" if len(report.runs) == 1 else "the best run"
            report.command(f"Train {which} again:", training_command(best.run_dir))
        report.summary(overview, **findings(report, best, metric, results))


def _add_failures(report: Report) -> None:
    """What did not finish, and what of the sweeps never began."""
    planned = [state for state in report.sweeps if state.n_planned is not None]
    if len(report.sweeps) > 1 or not all(state.is_complete for state in planned):
        report.table(sweeps_table(report.sweeps))
    report.reasons("Runs that did not finish", why_not_finished(report.runs))
    missing = missing_points(report.sweeps)
    report.reasons("Points without a run", missing)


def _add_key_numbers(report: Report, best: BestRun | None, metric: Metric) -> None:
    if best is None:
        return
    if len(report.runs) > 1:
        finished = int((report.runs["status"] == "complete").sum())
        planned = sum(state.n_planned or 0 for state in report.sweeps)
        note = f"{planned:,} points were planned" if planned > len(report.runs) else ""
        report.key_number("runs finished", f"{finished:,} of {len(report.runs):,}", note)
    report.key_number(
        f"validation {metric.label}",
        spread_text(best.result.metric).removesuffix(f" over {best.result.metric.n} seeds"),
        f"mean ± sd of {best.result.metric.n} seeds"
        if best.result.metric.n > 1
        else "at the best epoch",
    )
    if best.lead is not None:
        value = with_uncertainty(best.lead.value, best.lead.uncertainty)
        report.key_number("lead over the next setting", value, best.lead.basis)
    value, error = best.test.estimate(metric.name)
    if np.isfinite(value):
        note = "± from event statistics" if np.isfinite(error) else "at the best epoch"
        if best.test_seeds.n > 1:
            note = f"best run; {spread_text(best.test_seeds)}"
        report.key_number(f"test {metric.label}", with_uncertainty(value, error), note)
    rejection, uncertainty = best.test.estimate("rejection_at_0.5")
    if np.isfinite(rejection):
        report.key_number(
            "test rejection 1/ε_B", with_uncertainty(rejection, uncertainty), "at ε_S = 0.5"
        )


def _add_configuration(report: Report, best: BestRun | None) -> None:
    if best is None:
        return
    shown = {**best.result.setting.values, **{axis: best.row.get(axis) for axis in AXES}}
    facts = {name: value for name, value in shown.items() if _is_known(value)}
    facts = {
        "data set": best.row.get("dataset_name"),
        "task": best.row.get("class_def_str"),
    } | facts
    report.facts(
        "Configuration" if len(report.runs) == 1 else "Configuration of the best run",
        [(name, value_text(value)) for name, value in facts.items() if _is_known(value)],
        best.run_dir,
    )


def _is_known(value: object) -> bool:
    return isinstance(value, (list, tuple)) or bool(pd.notna(value))
