"""Settings with what they reach and what they cost: the front, and the law behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thesis_reports.aggregation import Setting
from thesis_reports.comparison import Comparison, Group, compare_with
from thesis_reports.costs.measured import Cost, CostFacts, on_the_front
from thesis_reports.costs.power_law import PowerLaw, fit_power_law, why_no_fit
from thesis_reports.costs.scatter import sizes_of
from thesis_reports.figures.cost_curve import CostPoint
from thesis_reports.groups import Judged
from thesis_reports.ranking import Metric
from thesis_reports.statistics import Spread

_ALIKE = 1.05  # costs within this factor are one


@dataclass(frozen=True, eq=False)
class CostResult:
    """What settings reach at what cost.

    Attributes
    ----------
    points
        Settings whose cost is known, cheapest first.
    law
        None where there is no fit.
    objection
        Why there is no law; empty where there is one.
    step
        The best on validation minus the cheapest; None where they are one.
    not_drawn
        Why there is nothing to show; empty where there is.
    """

    cost: Cost
    points: list[CostPoint]
    law: PowerLaw | None
    objection: str
    step: Comparison | None
    not_drawn: str

    @property
    def front(self) -> list[CostPoint]:
        """Points that no other beats in both, on validation."""
        return [point for point in self.points if point.is_on_front]

    @property
    def scatters(self) -> bool:
        """Whether the cost differs between runs of a setting."""
        return any(point.cost_error > 0 for point in self.points)

    def finding(self) -> dict[str, Any]:
        """All numbers as plain data."""
        law = None
        if self.law is not None:
            law = {k: v for k, v in vars(self.law).items() if k != "resampled"}
        return {
            "cost": self.cost.name,
            "unit": self.cost.label,
            "points": [
                {
                    "setting": one.label,
                    "cost": one.cost,
                    "relative_error": one.cost_error,
                    "on_front": one.is_on_front,
                }
                for one in self.points
            ],
            "law": law,
            "objection": self.objection,
            "step": None if self.step is None else asdict(self.step),
            "not_drawn": self.not_drawn,
        }


def errors_of(values: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """What a perfect model has none of: 1 minus a metric that ends at 1, or a loss as it is."""
    return 1 - values if metric.higher_is_better else values


def error_label(metric: Metric, split: str) -> str:
    """What `errors_of` gives, as an axis shows it."""
    return f"1 − {split} {metric.label}" if metric.higher_is_better else f"{split} {metric.label}"


def compare_cost(
    cost: Cost,
    settings: Sequence[Setting],
    facts: CostFacts,
    judged: Judged,
    by_val: Judged,
    metric: Metric,
) -> CostResult:
    """One axis of cost; its front is chosen on validation, all else is of the judged split."""
    groups = {group.name: group for group in judged.groups}
    costs = {s.label: facts.over(s.run_dirs, cost.name) for s in settings}
    known = [label for label in groups if label in costs and costs[label].n]
    known.sort(key=lambda label: costs[label].mean)
    reason = _why_not(known, costs)
    if reason:
        return CostResult(cost, [], None, reason, None, reason)
    chosen = {group.name: group.mean for group in by_val.groups}
    sign = 1 if metric.higher_is_better else -1
    on_val = [label for label in known if label in chosen]
    way = -1 if cost.more_is_better else 1
    of_runs = {s.label: facts.values(s.run_dirs, cost.name) for s in settings}
    sizes = sizes_of([of_runs[label] for label in known])
    errors = dict(zip(known, sizes.errors.tolist(), strict=True))
    front = on_the_front(
        [way * math.log(costs[label].mean) for label in on_val],
        [sign * chosen[label] for label in on_val],
        [errors[label] for label in on_val],
    )
    is_on_front = {on_val[which] for which in front}
    points = [
        CostPoint(
            label,
            costs[label].mean,
            costs[label].sd,
            errors[label],
            errors_of(groups[label].values, metric),
            label in is_on_front,
        )
        for label in known
    ]
    law, objection = _fit(
        [of_runs[label] for label in known],
        points,
        [groups[label] for label in known],
        "times" if cost.is_timed else "costs",
    )
    step = None
    if len(front) > 1:
        cheapest, best = (on_val[which] for which in (front[0], front[-1]))
        # all others are compared: their spread tells of seeds, their number corrects for the choice
        others = [groups[label] for label in known if label != cheapest]
        rows = compare_with(groups[cheapest], others)
        step = next(row for row in rows if row.name == best)
    return CostResult(cost, points, law, objection, step, "")


def _why_not(known: Sequence[str], costs: Mapping[str, Spread]) -> str:
    if not known:
        return "No finished run with a result tells this cost."
    if len(known) == 1:
        return "There is only one setting."
    low, high = costs[known[0]].mean, costs[known[-1]].mean
    return "All settings cost the same, within 5 %." if high < _ALIKE * low else ""


def _fit(
    costs: Sequence[NDArray[np.float64]],
    points: Sequence[CostPoint],
    groups: Sequence[Group],
    noun: str,
) -> tuple[PowerLaw | None, str]:
    errors = [point.values for point in points]
    reason = why_no_fit(costs, errors, noun)
    if reason:
        return None, reason
    law = fit_power_law(
        costs,
        errors,
        [group.deviation for group in groups],
        [group.own_event_variance for group in groups],
    )
    return law, law.objection
