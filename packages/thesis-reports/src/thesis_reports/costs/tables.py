"""Tables of costs and of the laws fitted to them, and their numbers as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from thesis_reports.aggregation import Setting
from thesis_reports.costs.comparison import CostResult
from thesis_reports.costs.measured import COSTS, Cost, CostFacts
from thesis_reports.costs.power_law import PowerLaw
from thesis_reports.groups import Judged
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import Metric
from thesis_reports.rounding import counted, duration, number, with_uncertainty
from thesis_reports.statistics import Spread, spread


def settings_table(
    settings: Sequence[Setting],
    facts: CostFacts,
    judged: Judged,
    by_val: Judged,
    metric: Metric,
    split: str,
    batch_size: int,
    main: CostResult | None,
) -> Table:
    """Settings with quality and all costs, cheapest first; the front is brought out."""
    val = {group.name: spread(group.values) for group in by_val.groups}
    on_split = {group.name: spread(group.values) for group in judged.groups}
    order = [point.label for point in main.points] if main is not None else []
    labels = [*order, *(name for name in on_split if name not in order)]
    columns = [
        Column("setting", labels),
        Column("runs", [on_split[label].n for label in labels], lambda n: f"{int(n)}"),
    ]
    both = [("val", val), (split, on_split)][split == "val" :]
    for name, spreads in both:
        columns.append(_spread_column(f"{name} {metric.label}", [spreads.get(x) for x in labels]))
    for cost in COSTS:
        of_cost = [facts.over(runs_of(label, settings), cost.name) for label in labels]
        show = _seconds if cost.name == "training_time" else _mean_text
        if any(one.n for one in of_cost):
            columns.append(_spread_column(named_cost(cost, facts, batch_size).label, of_cost, show))
    front = {point.label for point in main.front} if main is not None else set()
    caption = "Mean ± standard deviation over runs."
    if main is not None:
        caption += f" In red: the front by {main.cost.label}, which no other setting beats in cost "
        caption += f"and in {metric.label}, chosen on validation."
        if main.scatters:
            caption += " Costs within their combined standard error count as equal."
    if facts.machine:
        caption += f" Times of scoring: {facts.machine}."
    rows = frozenset(row for row, label in enumerate(labels) if label in front)
    return Table("Settings and their costs", columns, caption, highlighted=rows)


def laws_table(results: Sequence[CostResult]) -> Table:
    """The fits, a row per cost that can be shown."""
    shown = [result for result in results if not result.not_drawn]
    laws = [result.law for result in shown]
    missing = "–"
    columns = [
        Column("cost", [result.cost.label for result in shown]),
        Column("settings", [len(result.points) for result in shown], lambda n: f"{int(n)}"),
        Column(
            "exponent b",
            [None if law is None else law.exponent for law in laws],
            texts=[
                missing if law is None else with_uncertainty(law.exponent, law.exponent_error)
                for law in laws
            ],
            hint="± standard deviation over runs",
        ),
        Column(
            "68 % interval",
            [None if law is None else law.low for law in laws],
            texts=[missing if law is None else _interval(law) for law in laws],
        ),
        Column(
            "± events",
            [None if law is None else law.event_error or None for law in laws],
            lambda value: number(value, 2),
        ),
        Column(
            "χ² / ndf",
            [None if law is None else law.chi_square for law in laws],
            texts=[missing if law is None else fit_text(law) for law in laws],
        ),
        Column(
            "p",
            [None if law is None else law.p_value for law in laws],
            lambda value: "< 0.0001" if value < 1e-4 else f"{value:.2g}",
            hint="that the scatter over runs, in error and in cost, puts points as far off",
        ),
        Column("a law?", [result.objection or "not contradicted" for result in shown]),
    ]
    caption = "Error = a · cost^(−b), by least squares in logarithms; b over runs drawn anew "
    caption += "within each setting. A floor below the error is not fitted: so few points can't "
    caption += "tell it from a smaller b. "
    if any(result.scatters for result in shown):
        caption += "Where costs differ between runs of a setting, b² times the variance of ln cost "
        caption += "adds to that of ln error, in weights, χ² and p. "
    caption += "Elsewhere on this page the error of b is of runs and events, the former times "
    caption += "√(χ²/ndf) where points scatter more than runs explain."
    return Table("Power laws", columns, caption)


def named_cost(cost: Cost, facts: CostFacts, batch_size: int) -> Cost:
    """The cost with the batches it was taken with."""
    if cost.name == "latency" and facts.latency_batch:
        events = counted(facts.latency_batch, "event")
        return replace(cost, label=f"latency of {events} (ms)")
    if cost.name == "throughput":
        return replace(cost, label=f"events scored per second, in batches of {batch_size}")
    return cost


def runs_of(label: str, settings: Sequence[Setting]) -> tuple[str, ...]:
    """Runs of a setting by its label."""
    return next((one.run_dirs for one in settings if one.label == label), ())


def power_text(law: PowerLaw) -> str:
    """−b with the error of seeds and events together."""
    return with_uncertainty(-law.exponent, law.total_error)


def fit_text(law: PowerLaw) -> str:
    """χ² over its degrees of freedom."""
    return f"{law.chi_square:.1f} / {law.degrees}" if np.isfinite(law.chi_square) else "unknown"


def _interval(law: PowerLaw) -> str:
    known = np.isfinite(law.low)
    return f"{number(law.low, 3)} to {number(law.high, 3)}" if known else "–"


def _spread_column(
    label: str, values: Sequence[Spread | None], show: Callable[[Spread], str] | None = None
) -> Column:
    known = [one if one is not None and one.n else None for one in values]
    show = show or _mean_text
    return Column(
        label,
        [None if one is None else one.mean for one in known],
        texts=["–" if one is None else show(one) for one in known],
    )


def _mean_text(one: Spread) -> str:
    return with_uncertainty(one.mean, one.sd) if one.sd > 0 else number(one.mean)


def _seconds(one: Spread) -> str:
    return f"{duration(one.mean)} ± {duration(one.sd)}" if one.sd > 0 else duration(one.mean)
