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

    @property
    def seed_variance(self) -> float:
        """Of the mean, from the spread over runs; NaN for a single one."""
        n = len(self.values)
        return self.seed_squares / self.degrees / n if n > 1 else math.nan

    @property
    def event_variance(self) -> float:
        """Of the mean, beside `seed_variance`: what runs do not share is in their spread."""
        own = self.own_event_variance
        return max(float(np.square(self.deviation).sum()) - own, 0.0)


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
        two runs, and chance in the seeds is then not counted.
    degrees
        Of freedom of their sum.
    p_value
        Two-sided, of no difference.
    p_holm
        The same, corrected for all comparisons with the same base (`holm`).
    detectable
        Smallest difference that would have been found with 80 % probability at 5 %, uncorrected;
        like `p_value` NaN where no chance is known.
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


def compare_with(
    base: Group, others: Sequence[Group], n_tests: int | None = None
) -> list[Comparison]:
    """Each of the others minus the base.

    A group with a single run has the spread of all that have several; else each has its own
    (Welch), for an unstable setting scatters more than others.

    Parameters
    ----------
    base, others
        With deviations in the same K ways.
    n_tests
        Comparisons that could have been made, for the correction: all pairs where the base was
        chosen by what it reached. None: as many as others.
    """
    pooled = _pooled([base, *others])
    rows = [_compare(other, base, pooled) for other in others]
    corrected = holm([row.p_value for row in rows], n_tests)
    return [replace(row, p_holm=float(p)) for row, p in zip(rows, corrected, strict=True)]


def chance_in(rows: Sequence[Comparison]) -> str:
    """What "more than chance" means for some comparisons: without seeds, that of events alone."""
    if any(np.isfinite(row.seed_error) for row in rows):
        return "chance"
    return "chance in the events (one run each: what seeds do is not known)"


def holm(p_values: Sequence[float], n_tests: int | None = None) -> NDArray[np.float64]:
    """Holm's step-down correction (Scand. J. Stat. 6 (1979) 65); NaN stays and does not count.

    `n_tests` is how many were made, where `p_values` are not all of them.

    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    corrected = np.full(len(values), np.nan)
    order = [i for i in np.argsort(values) if np.isfinite(values[i])]
    largest, n_tests = 0.0, max(n_tests or 0, len(order))
    for rank, which in enumerate(order):
        largest = max(largest, min(1.0, (n_tests - rank) * values[which]))
        corrected[which] = largest
    return corrected


def _pooled(groups: Sequence[Group]) -> tuple[float, int]:
    """Variance over seeds of all groups, and its degrees of freedom; NaN where there are none."""
    degrees = sum(group.degrees for group in groups)
    squares = sum(group.seed_squares for group in groups)
    return (squares / degrees if degrees else math.nan), degrees


def _compare(group: Group, base: Group, pooled: tuple[float, int]) -> Comparison:
    events = float(np.square(group.deviation - base.deviation).sum())
    seeds, degrees = _seed_variance(group, base, pooled)
    if math.isfinite(seeds):
        events = max(events - group.own_event_variance - base.own_event_variance, 0.0)
    variance = events + np.nan_to_num(seeds)
    error, difference = math.sqrt(variance), group.mean - base.mean
    # Satterthwaite (Biometrics 2 (1946) 110): events are so many that theirs is known well
    freedom = degrees * (variance / seeds) ** 2 if seeds > 0 else math.inf
    p_value = reach = math.nan
    if error > 0:
        p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
        reach = float(stats.t.isf(LEVEL / 2, freedom) + stats.t.isf(1 - POWER, freedom)) * error
    return Comparison(
        group.name,
        difference,
        math.sqrt(events),
        math.sqrt(seeds) if math.isfinite(seeds) else math.nan,
        float(freedom),
        p_value,
        math.nan,
        reach,
    )


def _seed_variance(group: Group, base: Group, pooled: tuple[float, int]) -> tuple[float, float]:
    """Of the difference, with its degrees of freedom."""
    n = len(group.values), len(base.values)
    if min(n) < 2:
        return pooled[0] * (1 / n[0] + 1 / n[1]), pooled[1]
    parts = [one.seed_variance for one in (group, base)]
    total = sum(parts)
    if total == 0:
        return 0.0, 0.0
    below = sum(part**2 / one.degrees for part, one in zip(parts, (group, base), strict=True))
    return total, total**2 / below
