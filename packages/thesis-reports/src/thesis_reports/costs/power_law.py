"""Whether y = a x^(-b) describes how an error falls with size, and how well b is known.

The law is a straight line in logarithms. Seeds give the points their errors: their spread in
log y, taken together over all sizes, for two or three seeds a size tell little by themselves. An
offset c, as in a x^(-b) + c, is not fitted: so few points can't tell it from a smaller b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FEWEST_SIZES = 3
SMALLEST_RANGE = 2.0  # largest over smallest size, below which a power can't be told from a line
LEVEL = 0.05
_SAME = 1.05  # sizes closer than this factor are one
_N_RESAMPLED = 2000


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """A fitted law with its doubts.

    Attributes
    ----------
    log_scale, exponent
        ln a and b of y = a x^(-b).
    exponent_error
        Standard deviation of b over seeds; NaN where no size has two.
    low, high
        Central 68 % interval of b over seeds.
    event_error
        What chance in the events, the same for all points, does to b; 0 where unknown.
    chi_square, degrees
        Of the points about the line, with errors from seeds; NaN where these are unknown.
    p_value
        That seeds alone scatter them as much.
    resampled : [R, 2] log_scale and exponent with runs drawn anew within each point
    objection
        Why the points don't support a law; empty where they do.
    """

    log_scale: float
    exponent: float
    exponent_error: float
    low: float
    high: float
    event_error: float
    chi_square: float
    degrees: int
    p_value: float
    resampled: NDArray[np.float64]
    objection: str

    @property
    def total_error(self) -> float:
        """Of the exponent: seeds and events, where only one is known that one.

        What seeds give is widened by √(χ²/ndf) where points scatter more than seeds explain, as the
        Particle Data Group does with results that disagree.
        """
        scale = math.sqrt(max(self.chi_square / self.degrees, 1)) if self.chi_square > 0 else 1.0
        seeds = self.exponent_error if math.isfinite(self.exponent_error) else 0.0
        return math.hypot(scale * seeds, self.event_error)

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The line [P] at sizes [P]."""
        return np.exp(self.log_scale - self.exponent * np.log(x))

    def band(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Central 68 % of what seeds make of the line at sizes [P]; [P] each."""
        lines = self.resampled[:, :1] - self.resampled[:, 1:] * np.log(x)
        low, high = np.quantile(np.exp(lines), [0.16, 0.84], axis=0)
        return low, high


def why_no_fit(x: Sequence[float], y: Sequence[NDArray[np.float64]]) -> str:
    """Why points can't be fitted at all; empty where they can.

    Parameters
    ----------
    x
        Size of each point.
    y
        [n] errors of the runs of each point.
    """
    if any((values <= 0).any() for values in y):
        return "an error is not positive"
    n_sizes = len(np.unique(_sizes(np.asarray(x, dtype=float))))
    if n_sizes < FEWEST_SIZES:
        return f"{n_sizes} different sizes are too few for a law, which takes {FEWEST_SIZES}"
    span = max(x) / min(x)
    if span < SMALLEST_RANGE:
        return f"the largest size is only {span:.2g} times the smallest"
    return ""


def fit_power_law(
    x: Sequence[float],
    y: Sequence[NDArray[np.float64]],
    deviations: Sequence[NDArray[np.float64]] | None = None,
) -> PowerLaw:
    """Least squares in log-log; each point counts as its number of runs.

    Parameters
    ----------
    x, y
        See `why_no_fit`, which must have nothing against them.
    deviations
        [K] what chance in the events does to the mean of each point, in the same K ways; see
        `thesis_reports.comparison.Group`.
    """
    log_x = np.log(np.asarray(x, dtype=float))
    means = np.array([values.mean() for values in y])
    counts = np.array([len(values) for values in y])
    solve = _solver(log_x, counts)
    log_scale, slope = solve @ np.log(means)
    spread, freedom = _pooled_spread(y)
    residuals = np.log(means) - log_scale - slope * log_x
    degrees = len(means) - 2
    chi_square = p_value = math.nan
    if spread > 0 and degrees > 0:
        chi_square = float((counts * np.square(residuals)).sum() / spread**2)
        # the errors themselves are known from so few runs: Fisher's F in place of χ²
        p_value = float(stats.f.sf(chi_square / degrees, degrees, freedom))
    resampled = _resample(y, means, spread) @ solve.T if spread > 0 else np.empty((0, 2))
    exponents = -resampled[:, 1]
    low, high = np.quantile(exponents, [0.16, 0.84]) if len(exponents) else (math.nan, math.nan)
    error = float(exponents.std()) if len(exponents) else math.nan
    law = PowerLaw(
        log_scale=float(log_scale),
        exponent=float(-slope),
        exponent_error=error,
        low=float(low),
        high=float(high),
        event_error=_event_error(solve[1] / means, deviations),
        chi_square=chi_square,
        degrees=degrees,
        p_value=p_value,
        resampled=resampled * (1, -1),
        objection="",
    )
    sizes = _sizes(np.asarray(x, dtype=float))
    return replace(law, objection=_objection(law, sizes, means, counts, (spread, freedom)))


def _solver(log_x: NDArray[np.float64], counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """What [2, P] makes intercept and slope of log y [P]."""
    root = np.sqrt(counts)
    design = np.stack([np.ones_like(log_x), log_x], axis=1)
    return np.linalg.pinv(design * root[:, None]) * root


def _event_error(
    weights: NDArray[np.float64], deviations: Sequence[NDArray[np.float64]] | None
) -> float:
    """Of the slope, which so many weights [P] make of the means of points."""
    if deviations is None:
        return 0.0
    moved = [weight * one for weight, one in zip(weights, deviations, strict=True)]
    return float(np.linalg.norm(np.sum(moved, axis=0)))


def _pooled_spread(y: Sequence[NDArray[np.float64]]) -> tuple[float, int]:
    """Standard deviation of log y over runs of a point, and its degrees of freedom."""
    freedom = sum(len(values) - 1 for values in y)
    squares = sum(float(np.square(np.log(v) - np.log(v).mean()).sum()) for v in y)
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def _resample(
    y: Sequence[NDArray[np.float64]], means: NDArray[np.float64], spread: float
) -> NDArray[np.float64]:
    """Log of the means [R, P] with runs drawn anew; a single run gets the spread of the others."""
    draw = np.random.default_rng(0)
    columns = []
    for values, mean in zip(y, means, strict=True):
        n = len(values)
        if n == 1:
            columns.append(np.log(mean) + spread * draw.standard_normal(_N_RESAMPLED))
            continue
        drawn = values[draw.integers(0, n, (_N_RESAMPLED, n))].mean(axis=1)
        # drawn with replacement, n runs scatter by √((n-1)/n) too little
        wider = 1 + (drawn / mean - 1) * math.sqrt(n / (n - 1))
        columns.append(np.log(mean) + np.log(np.maximum(wider, 1e-6)))
    return np.stack(columns, axis=1)


def _sizes(x: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number [P] of the size that each point has, from small to large."""
    order = np.argsort(x, kind="stable")
    sizes = np.empty(len(x), dtype=np.intp)
    start, number = x[order[0]], 0
    for which in order:
        if x[which] > _SAME * start:
            start, number = x[which], number + 1
        sizes[which] = number
    return sizes


def _objection(
    law: PowerLaw,
    sizes: NDArray[np.intp],
    means: NDArray[np.float64],
    counts: NDArray[np.integer],
    spread: tuple[float, int],
) -> str:
    if not math.isfinite(law.exponent_error):
        return "no size has two runs that differ: what seeds do is not known"
    if _turns(law.exponent, sizes, means, counts, spread):
        return "the error does not go one way with size, by more than seeds explain"
    if law.p_value < LEVEL:
        text = "the points lie off the line by more than seeds explain"
        return f"{text} (p = {max(law.p_value, 1e-4):.2g})"
    beyond = abs(law.exponent) / math.hypot(law.exponent_error, law.event_error)
    if beyond < stats.t.isf(LEVEL / 2, max(spread[1], 1)):
        return "an exponent of 0, no dependence on size, is not excluded"
    return ""


def _turns(
    exponent: float,
    sizes: NDArray[np.intp],
    means: NDArray[np.float64],
    counts: NDArray[np.integer],
    spread: tuple[float, int],
) -> bool:
    """Whether a step to the next size goes against the law, corrected for their number."""
    n_runs = np.bincount(sizes, counts)
    heights = np.bincount(sizes, counts * np.log(means)) / n_runs
    steps = np.diff(heights) * math.copysign(1, exponent)
    errors = spread[0] * np.sqrt(1 / n_runs[1:] + 1 / n_runs[:-1])
    limit = stats.t.isf(LEVEL / len(steps), spread[1])
    return bool((steps / errors > limit).any())
