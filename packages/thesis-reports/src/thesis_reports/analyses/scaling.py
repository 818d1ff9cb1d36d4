"""What does quality cost? Errors against size, operations, time and training events.

The front of settings that none beats in cost and quality is chosen on validation, where costs
within their scatter over runs are equal; what they reach is judged on the test split. A power law
is fitted where there are sizes enough, and the page says where the points don't support one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from pydantic import Field

from thesis_reports.aggregation import Setting, group_by_seed
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.costs.comparison import CostResult, compare_cost, error_label
from thesis_reports.costs.measured import COSTS, CostFacts, read_costs
from thesis_reports.costs.tables import (
    fit_text,
    laws_table,
    named_cost,
    power_text,
    runs_of,
    settings_table,
)
from thesis_reports.figures.cost_curve import CostPoint, cost_curve_data, draw_cost_curve
from thesis_reports.groups import AxisGroup, Judged, judge, none_judged
from thesis_reports.overview import runs_overview
from thesis_reports.ranking import Metric, choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted, number, signed, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.setting_labels import shorten_labels
from thesis_reports.statistics import spread

FIGURES = tuple(cost.name for cost in COSTS)
QUESTION = "What does quality cost?"
_MAIN = ("parameters", "flops", "events", "training_time", "throughput", "latency")


class Scaling(Section):
    """What is weighed.

    `split` judges; the front is always chosen on validation. `signal` is the class that AUROC
    tells from all others; null takes the second of two classes, or the mean over all of them.
    `batch_size` is that of the throughput, one of those that runs were timed with.
    """

    split: Literal["val", "test"] = "test"
    signal: str | None = None
    batch_size: int = Field(512, ge=1)


class ScalingConfig(ReportConfig):
    """Adds what is weighed."""

    report_name: str = "scaling"
    scaling: Scaling = Scaling()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Weigh the settings of a sweep against what they cost."""
    config = read_config(cfg, ScalingConfig)
    asked = config.scaling
    with open_report(config, QUESTION, FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        settings = shorten_labels(group_by_seed(report.configs))
        finished = report.runs[report.runs["status"] == "complete"]
        facts = read_costs(finished, asked.batch_size)
        judged = _judge(report, settings, metric, asked, asked.split)
        by_val = judged if asked.split == "val" else _judge(report, settings, metric, asked, "val")
        results = [
            compare_cost(
                named_cost(cost, facts, asked.batch_size), settings, facts, judged, by_val, metric
            )
            for cost in COSTS
        ]

        said = [how_runs_ended(report.runs, len(report.skipped))]
        main = _main(results)
        if judged.groups:
            said.append(_what_it_costs(main, metric, asked.split))
        else:
            said.append(none_judged(metric, asked.split, by_val, "scaling.split"))
        report.answer = " ".join(said)
        _add_key_numbers(report, judged, main)
        if judged.groups:
            report.table(
                settings_table(
                    settings, facts, judged, by_val, metric, asked.split, asked.batch_size, main
                )
            )
        if main is not None:
            report.table(laws_table(results))
        _add_reasons(report, facts, judged, by_val)
        _add_notes(report, settings, judged, results)
        for result in results:
            _add_figure(report, result, judged, metric, asked.split)
        report.summary(
            runs_overview(report.runs, settings, pd.DataFrame(index=report.runs["run_dir"])),
            question=report.question,
            answer=report.answer,
            split=asked.split,
            metric=asdict(metric),
            machine=facts.machine,
            groups=[
                {
                    "label": group.name,
                    "mean": group.mean,
                    "values": group.values.tolist(),
                    "costs": {
                        cost.name: asdict(facts.over(runs_of(group.name, settings), cost.name))
                        for cost in COSTS
                    },
                }
                for group in judged.groups
            ],
            costs=[result.finding() for result in results],
            left_out=[
                {"run_dir": run, "reason": reason} for run, reason in _left_out(facts, judged)
            ],
        )


def _judge(
    report: Report, settings: Sequence[Setting], metric: Metric, asked: Scaling, split: str
) -> Judged:
    groups = [AxisGroup(one.label, one.values, one.run_dirs) for one in settings]
    return judge(
        groups, report.runs, report.scores, metric, split, asked.signal, key="scaling.signal"
    )


def _main(results: Sequence[CostResult]) -> CostResult | None:
    """The one to speak of first: a law where there is one, else the first that can be shown."""
    shown = {result.cost.name: result for result in results if not result.not_drawn}
    ordered = [shown[name] for name in _MAIN if name in shown]
    with_law = [result for result in ordered if result.law is not None and not result.objection]
    return next(iter([*with_law, *ordered]), None)


def _what_it_costs(main: CostResult | None, metric: Metric, split: str) -> str:
    if main is None:
        return "No cost differs between the settings."
    quantity, cost = error_label(metric, split), main.cost.noun
    if main.law is not None and not main.objection:
        text = f"{quantity} follows {cost} to the power {power_text(main.law)} "
        law = main.law
        text += f"(68 % over runs: {number(-law.high, 3)} to {number(-law.low, 3)}; χ²/ndf = "
        text += f"{fit_text(law)}, p = {law.p_value:.2g})."
    else:
        text = f"The points do not support a power law of {quantity} in {cost}: {main.objection}."
    return f"{text} {_step_text(main, metric)}"


def _step_text(result: CostResult, metric: Metric) -> str:
    front = result.front[::-1] if result.cost.more_is_better else result.front
    if result.step is None:
        if not front:
            return "Nothing is known of validation to choose by."
        cheap = _cheapest_text(result, front[0])
        return f"No setting does better on validation than the cheapest, {cheap}."
    cheap, best = front[0], front[-1]
    factor = best.cost / cheap.cost
    step = result.step
    text = f"From the cheapest, {_cheapest_text(result, cheap)}, to the best on validation, "
    text += (
        f"{best.label}, {result.cost.noun}: × {_factor_text(factor, cheap, best)}; {metric.label}: "
    )
    text += f"{signed(step.difference, step.error)}"
    if not np.isfinite(step.p_holm):
        return f"{text}, whose chance is unknown."
    p_value = f"p = {step.p_holm:.2g}" if step.p_holm >= 1e-4 else "p < 0.0001"
    return f"{text} ({p_value}, corrected for the choice)."


def _cheapest_text(result: CostResult, cheap: CostPoint) -> str:
    """The cheapest of the front: where costs scatter, the mean of another may be below."""
    least = result.points[-1 if result.cost.more_is_better else 0]
    return cheap.label if cheap is least else f"{cheap.label} (as {least.label} within the scatter)"


def _factor_text(factor: float, cheap: CostPoint, best: CostPoint) -> str:
    error = factor * math.hypot(cheap.cost_error, best.cost_error)
    return with_uncertainty(factor, error) if error > 0 else number(factor, 3)


def _add_key_numbers(report: Report, judged: Judged, main: CostResult | None) -> None:
    if not judged.groups:
        return
    n_runs = sum(len(group.values) for group in judged.groups)
    report.key_number("settings", f"{len(judged.groups)}", f"{counted(n_runs, 'run')} judged")
    if main is None:
        return
    low, high = main.points[0].cost, main.points[-1].cost
    report.key_number("range of cost", f"× {number(high / low, 3)}", main.cost.label)
    report.key_number("on the front", f"{len(main.front)}", f"by {main.cost.label}")
    if main.law is not None and not main.objection:
        report.key_number("exponent", power_text(main.law), "runs and events")


def _add_reasons(report: Report, facts: CostFacts, judged: Judged, by_val: Judged) -> None:
    report.reasons("Runs that did not finish", why_not_finished(report.runs))
    left_out = _left_out(facts, judged)
    left_out += [one for one in by_val.left_out if one not in left_out]
    report.reasons("Runs of which something is missing", left_out)


def _add_notes(
    report: Report, settings: Sequence[Setting], judged: Judged, results: Sequence[CostResult]
) -> None:
    varied = list(settings[0].values) if settings else []
    if len(varied) > 1 and any(result.law is not None for result in results):
        report.note(
            f"The settings differ in {', '.join(varied)}: a law over all of them is not one of "
            "size alone."
        )
    if judged.groups and all(len(group.values) < 2 for group in judged.groups):
        report.note("No setting has two runs: what seeds do is not counted.")
    timed = [result for result in results if result.cost.is_timed and not result.not_drawn]
    if any(result.scatters for result in timed):
        report.note(
            "Times were measured once a run. Their scatter over the runs of a setting is taken "
            "into account, in laws and on fronts, as independent of that of the error; a machine "
            "that was slower throughout a setting's runs can't be told from a slower setting."
        )
    elif timed:
        report.note(
            "No setting has two runs that were timed apart: fronts and laws take times as exact."
        )


def _add_figure(
    report: Report, result: CostResult, judged: Judged, metric: Metric, split: str
) -> None:
    name, cost = result.cost.name, result.cost.label
    title = name.replace("_", " ").capitalize()
    if result.not_drawn:
        report.not_drawn(name, title, result.not_drawn)
        return
    quantity = error_label(metric, split)
    front = "; ".join(
        f"{point.label} at {number(point.cost, 3)}, {_value_text(point.values)}"
        for point in result.front[:6]
    )
    caption = f"{quantity} against {cost}; points are settings, mean ± standard deviation over "
    caption += f"runs (grey). On the front by validation (diamonds): {front or 'none'}."
    if result.scatters:
        largest = max(point.cost_error for point in result.points)
        caption += f" The cost of a setting is known to {100 * largest:.2g} % or better: costs "
        caption += "within their combined standard error count as equal."
    if result.law is not None:
        caption += f" Power {power_text(result.law)}, χ²/ndf = {fit_text(result.law)}"
        caption += f"; no law: {result.objection}." if result.objection else "."
    else:
        caption += f" No law: {result.objection}."
    # in the order of settings, so that each keeps its colour from figure to figure
    order = [group.name for group in judged.groups]
    points = sorted(result.points, key=lambda point: order.index(point.label))
    data = cost_curve_data(points, result.law)
    report.figure(
        name, title, lambda: draw_cost_curve(data, cost=cost, quantity=quantity), caption, data=data
    )


def _left_out(facts: CostFacts, judged: Judged) -> list[tuple[str, str]]:
    return [*judged.left_out, *facts.left_out]


def _value_text(values: np.ndarray) -> str:
    one = spread(values)
    return with_uncertainty(one.mean, one.sd)
