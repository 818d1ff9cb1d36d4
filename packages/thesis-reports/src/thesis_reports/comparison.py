"""Whether two groups of runs differ: seeds and test events both count, and both are paired.

A difference of two models has two sources of chance: the seeds that each was trained with, and the
events that all were judged on. Events are shared, so most of their chance cancels. This is the
split into readers and cases of Obuchowski and Rockette (Commun. Stat. Simul. Comput. 24 (1995)
285), with trained models as readers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05
POWER = 0.8


@dataclass(frozen=True, eq=False)
class Group:
    """A metric of runs that are told apart by chance alone, all judged on the same events.

    Attributes
    ----------
    name
        What they have in common.
    values
        [n] the metric of each run.
    deviation
        [K] what chance in the events does to their mean, in the same K ways for all groups:
        influences of K events, or K bootstrap replicates about their mean over √(K - 1). Inner
        products are covariances.
    own_event_variance
        Event variance of the mean that its runs do not share: it is in their spread already.
    """

    name: str
    values: NDArray[np.float64]
    deviation: NDArray[np.float64]
    own_event_variance: float

    @classmethod
    def of(cls, name: str, runs: Iterable[tuple[float, NDArray[np.float64]]]) -> Group:
        """From the metric and the deviation [K] of each run, one after the other."""
        values, squares, total = [], 0.0, np.zeros(0)
        for value, deviation in runs:
            total = total + deviation if values else deviation
            squares += float(deviation @ deviation)
            values.append(value)
        n = len(values)
        mean = total / n
        apart = max(squares - n * float(mean @ mean), 0.0)
        return cls(name, np.array(values), mean, apart / (n * (n - 1)) if n > 1 else 0.0)

    @property
    def mean(self) -> float:
        """Mean over runs."""
        return float(self.values.mean())

    @property
    def degrees(self) -> int:
        """Of freedom of the spread over runs."""
        return len(self.values) - 1

    @property
    def seed_squares(self) -> float:
        """Σ (value - mean)² over runs."""
        return float(np.square(self.values - self.mean).sum())


@dataclass(frozen=True)
class Comparison:
    """A group minus a base group.

    Attributes
    ----------
    name
        Of the group.
    difference
        Of the means.
    event_error, seed_error
        Standard deviations that events and seeds give it; `seed_error` is NaN where no group has
        two runs.
    degrees
        Of freedom of their sum.
    p_value
        Two-sided, of no difference.
    p_holm
        The same, corrected for all comparisons with the same base (`holm`).
    detectable
        Smallest difference that would have been found with 80 % probability at 5 %, uncorrected.
    """

    name: str
    difference: float
    event_error: float
    seed_error: float
    degrees: float
    p_value: float
    p_holm: float
    detectable: float

    @property
    def error(self) -> float:
        """Of events and seeds together."""
        return math.hypot(self.event_error, np.nan_to_num(self.seed_error))

    @property
    def is_found(self) -> bool:
        """Whether the difference stands at 5 % after the correction."""
        return self.p_holm < LEVEL


def compare_with(base: Group, others: Sequence[Group]) -> list[Comparison]:
    """Each of the others minus the base.

    The spread over seeds is pooled over all groups: three runs alone say little of theirs.

    Parameters
    ----------
    base, others
        With deviations in the same K ways.
    """
    groups = [base, *others]
    degrees = sum(group.degrees for group in groups)
    squares = sum(group.seed_squares for group in groups)
    seed_variance = squares / degrees if degrees else math.nan
    rows = [_compare(other, base, seed_variance, degrees) for other in others]
    corrected = holm([row.p_value for row in rows])
    return [replace(row, p_holm=float(p)) for row, p in zip(rows, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Holm's step-down correction (Scand. J. Stat. 6 (1979) 65); NaN stays and does not count.

    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    corrected = np.full(len(values), np.nan)
    order = [i for i in np.argsort(values) if np.isfinite(values[i])]
    largest = 0.0
    for rank, which in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[which]))
        corrected[which] = largest
    return corrected


def _compare(group: Group, base: Group, seed_variance: float, degrees: int) -> Comparison:
    events = float(np.square(group.deviation - base.deviation).sum())
    seeds = seed_variance * (1 / len(group.values) + 1 / len(base.values))
    if math.isfinite(seeds):
        events = max(events - group.own_event_variance - base.own_event_variance, 0.0)
    variance = events + np.nan_to_num(seeds)
    # Satterthwaite (Biometrics 2 (1946) 110): events are so many that theirs is known well
    freedom = degrees * (variance / seeds) ** 2 if seeds > 0 else math.inf
    error, difference = math.sqrt(variance), group.mean - base.mean
    p_value = 2 * stats.t.sf(abs(difference) / error, freedom) if error > 0 else math.nan
    reach = stats.t.isf(LEVEL / 2, freedom) + stats.t.isf(1 - POWER, freedom)
    return Comparison(
        group.name,
        difference,
        math.sqrt(events),
        math.sqrt(seeds) if math.isfinite(seeds) else math.nan,
        float(freedom),
        float(p_value),
        math.nan,
        float(reach * error),
    )
