"""What heads that reconstruct MET reach, and what they cost, beside models that have none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thesis_reports.autoencoders.event_errors import EventErrors
from thesis_reports.autoencoders.met_heads import HeadGroup, bases_of
from thesis_reports.comparison import Comparison, Group, compare_with, holm
from thesis_reports.statistics import Spread, spread


@dataclass(frozen=True, eq=False)
class HeadResult:
    """What a group of runs reaches.

    Attributes
    ----------
    head
        The group.
    met, cost
        Errors on the split that judges: of MET, None without a head; and the one it may cost.
    met_val
        Error of MET on the validation split.
    met_row, cost_row
        `met` minus that of the head that counts least, `cost` minus that without a head, both of
        groups that agree in all else; None where there is no such group, or this is it.
    """

    head: HeadGroup
    met: Group | None
    cost: Group | None
    met_val: Spread
    met_row: Comparison | None = None
    cost_row: Comparison | None = None

    @property
    def known_share(self) -> tuple[float, float]:
        """1 minus the error of MET, ± seeds and events; NaN without a head.

        0 is no better than the mean of the training events, for MET is normalised to width 1.
        """
        if self.met is None:
            return math.nan, math.nan
        group = self.met
        seeds = np.nan_to_num(group.seed_variance)
        return 1 - group.mean, math.sqrt(group.event_variance + seeds)


def head_results(
    heads: Sequence[HeadGroup], judged: EventErrors, by_val: EventErrors, metric: str, cost: str
) -> list[HeadResult]:
    """The groups that have a judged run, with differences; p is corrected for all of these.

    Parameters
    ----------
    heads
        See `thesis_reports.autoencoders.met_heads.head_groups`.
    judged, by_val
        Errors on the split that judges, and on the validation split.
    metric, cost
        Names of the error of MET, and of the error that it may cost.
    """
    met = {group.name: group for group in judged.groups[metric]}
    tokens = {group.name: group for group in judged.groups[cost]}
    # an untrained head of a model without one is never judged
    met = {head.label: met[head.label] for head in heads if head.has_head and head.label in met}
    met_rows = _minus_bases(heads, met, with_head=True)
    cost_rows = _minus_bases(heads, tokens, with_head=False)
    rows = [*met_rows.values(), *cost_rows.values()]
    corrected = holm([row.p_value for row in rows])
    rows = [replace(row, p_holm=float(p)) for row, p in zip(rows, corrected, strict=True)]
    n_met = len(met_rows)
    met_rows = {row.name: row for row in rows[:n_met]}
    cost_rows = {row.name: row for row in rows[n_met:]}
    return [
        HeadResult(
            head,
            met.get(head.label),
            tokens.get(head.label),
            spread(by_val.group_values(head.runs, metric)),
            met_rows.get(head.label),
            cost_rows.get(head.label),
        )
        for head in heads
        if head.label in met or head.label in tokens
    ]


def best_head(found: Sequence[HeadResult]) -> HeadResult | None:
    """The one that says most of MET on the validation split; None where no head was judged."""
    known = [one for one in found if one.met is not None]
    return min(known, key=lambda one: np.nan_to_num(one.met_val.mean, nan=np.inf), default=None)


def lead_of(best: HeadResult, found: Sequence[HeadResult]) -> Comparison | None:
    """The next best head on the validation split minus the best one; None where it is alone.

    p is corrected for all pairs, for both were chosen.
    """
    others = [one for one in found if one is not best]
    following = best_head(others)
    if best.met is None or following is None or following.met is None:
        return None
    n_heads = sum(one.met is not None for one in found)
    (row,) = compare_with(best.met, [following.met], n_heads * (n_heads - 1) // 2)
    return row


def _minus_bases(
    heads: Sequence[HeadGroup], groups: Mapping[str, Group], *, with_head: bool
) -> dict[str, Comparison]:
    """By label: each group minus the base that agrees with it in all but the head."""
    judged = [head for head in heads if head.label in groups]
    rows: dict[str, Comparison] = {}
    for rest, base in bases_of(judged, with_head=with_head).items():
        others = [
            groups[head.label] for head in judged if head.rest == rest and head.label != base.label
        ]
        rows |= {row.name: row for row in compare_with(groups[base.label], others)}
    return rows
