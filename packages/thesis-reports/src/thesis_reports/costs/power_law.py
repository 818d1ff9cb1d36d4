"""Whether y = a x^(-b) describes how an error falls with size, and how well b is known.

The law is a straight line in logarithms. Seeds give the points their errors: their spread in
log y, taken together over all sizes, for two or three seeds a size tell little by themselves. Sizes
that scatter too, as times do, move points along the line's slope: b² times the variance of log x
adds to that of log y (effective variance; Orear, Am. J. Phys. 50 (1982) 912). An offset c, as in
a x^(-b) + c, is not fitted: so few points can't tell it from a smaller b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from thesis_reports.costs.scatter import Sizes, are_apart, numbered, sizes_of

FEWEST_SIZES = 3
SMALLEST_RANGE = 2.0  # largest over smallest size, below which a power can't be told from a line
LEVEL = 0.05
_N_RESAMPLED = 2000
_MOST_ROUNDS = 50  # weights hang on the exponent, and that on the weights


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """A fitted law with its doubts.

    Attributes
    ----------
    log_scale, exponent
        ln a and b of y = a x^(-b).
    exponent_error
        Standard deviation of b over runs; NaN where no size has two.
    low, high
        Central 68 % interval of b over runs.
    event_error
        What chance in the events, the same for all points, does to b; 0 where unknown.
    chi_square, degrees
        Of the points about the line, with errors from runs; NaN where these are unknown.
    p_value
        That the scatter over runs, in error and in size, puts them as far off.
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
        """Of the exponent: runs and events, where only one is known that one.

        What runs give is widened by √(χ²/ndf) where points scatter more than runs explain, as the
        Particle Data Group does with results that disagree.
        """
        scale = math.sqrt(max(self.chi_square / self.degrees, 1)) if self.chi_square > 0 else 1.0
        seeds = self.exponent_error if math.isfinite(self.exponent_error) else 0.0
        return math.hypot(scale * seeds, self.event_error)

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The line [P] at sizes [P]."""
        return np.exp(self.log_scale - self.exponent * np.log(x))

    def band(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Central 68 % of what runs make of the line at sizes [P]; [P] each."""
        lines = self.resampled[:, :1] - self.resampled[:, 1:] * np.log(x)
        low, high = np.quantile(np.exp(lines), [0.16, 0.84], axis=0)
        return low, high


def why_no_fit(
    x: Sequence[ArrayLike], y: Sequence[NDArray[np.float64]], noun: str = "sizes"
) -> str:
    """Why points can't be fitted at all; empty where they can.

    Parameters
    ----------
    x
        [n] sizes of the runs of each point, or the one that they share.
    y
        [n] errors of the runs of each point.
    noun
        What sizes are, in the plural.
    """
    if any((values <= 0).any() for values in y):
        return "an error is not positive"
    sizes = sizes_of(x)
    n_sizes = len(np.unique(numbered(sizes.means)))
    if n_sizes < FEWEST_SIZES:
        return f"{n_sizes} different sizes are too few for a law, which takes {FEWEST_SIZES}"
    span = sizes.means.max() / sizes.means.min()
    if span < SMALLEST_RANGE:
        return f"the largest size is only {span:.2g} times the smallest"
    if not are_apart(sizes):
        return f"{noun} scatter more than the settings differ"
    return ""


def fit_power_law(
    x: Sequence[ArrayLike],
    y: Sequence[NDArray[np.float64]],
    deviations: Sequence[NDArray[np.float64]] | None = None,
    own_event_variances: Sequence[float] | None = None,
) -> PowerLaw:
    """Least squares in log-log; points count by their number of runs and the scatter of sizes.

    Parameters
    ----------
    x, y
        See `why_no_fit`, which must have nothing against them.
    deviations
        [K] what chance in the events does to the mean of each point, in the same K ways; see
        `thesis_reports.comparison.Group`.
    own_event_variances
        Of each mean, what of that its runs do not share: their spread has it already.
    """
    sizes = sizes_of(x)
    log_x = np.log(sizes.means)
    means = np.array([values.mean() for values in y])
    counts = np.array([len(values) for values in y])
    spread, freedom = _pooled_spread(y)
    solve, variances = _converged(log_x, np.log(means), sizes, counts, spread)
    log_scale, slope = solve @ np.log(means)
    freedom = _joint_freedom(spread, freedom, slope, sizes, counts)
    residuals = np.log(means) - log_scale - slope * log_x
    degrees = len(means) - 2
    chi_square = p_value = math.nan
    is_known = bool(np.isfinite(variances).all() and variances.min() > 0)
    if is_known and degrees > 0:
        chi_square = float((np.square(residuals) / variances).sum())
        # the errors themselves are known from so few runs: Fisher's F in place of χ²
        p_value = float(stats.f.sf(chi_square / degrees, degrees, freedom))
    resampled = np.empty((0, 2))
    if is_known:
        moved = _resample(y, means, spread) - slope * _resample_sizes(sizes)
        resampled = moved @ solve.T
    exponents = -resampled[:, 1]
    low, high = np.quantile(exponents, [0.16, 0.84]) if len(exponents) else (math.nan, math.nan)
    law = PowerLaw(
        log_scale=float(log_scale),
        exponent=float(-slope),
        exponent_error=float(exponents.std()) if len(exponents) else math.nan,
        low=float(low),
        high=float(high),
        event_error=_event_error(solve[1] / means, deviations, own_event_variances),
        chi_square=chi_square,
        degrees=degrees,
        p_value=p_value,
        resampled=resampled * (1, -1),
        objection="",
    )
    return replace(law, objection=_objection(law, numbered(sizes.means), means, variances, freedom))


def _converged(
    log_x: NDArray[np.float64],
    log_y: NDArray[np.float64],
    sizes: Sizes,
    counts: NDArray[np.integer],
    spread: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What [2, P] makes intercept and slope of log y [P], and the effective variances [P].

    Where nothing is known of chance points count as their number of runs.
    """
    variances = spread**2 / counts
    solve = _solver(log_x, counts.astype(float))
    if not math.isfinite(spread):
        return solve, variances
    slope = math.inf
    for _ in range(_MOST_ROUNDS):
        before, slope = slope, float(solve[1] @ log_y)
        variances = spread**2 / counts + slope**2 * np.square(sizes.errors)
        if abs(slope - before) <= 1e-9 * abs(slope) or variances.min() <= 0:
            break
        solve = _solver(log_x, variances.min() / variances)
    return solve, variances


def _solver(log_x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(weights)
    design = np.stack([np.ones_like(log_x), log_x], axis=1)
    return np.linalg.pinv(design * root[:, None]) * root


def _joint_freedom(
    spread: float, freedom: int, slope: float, sizes: Sizes, counts: NDArray[np.integer]
) -> float:
    """Degrees of freedom of the effective variance, after Satterthwaite (Biometrics 2 (1946) 110).

    Errors and sizes each have the variance of all points together, and theirs is known so well.
    """
    if not sizes.scatter or not math.isfinite(spread):
        return float(freedom)
    parts = float((spread**2 / counts).sum()), float(np.square(slope * sizes.errors).sum())
    below = parts[0] ** 2 / freedom + parts[1] ** 2 / sizes.freedom
    return sum(parts) ** 2 / below if below > 0 else float(freedom)


def _event_error(
    weights: NDArray[np.float64],
    deviations: Sequence[NDArray[np.float64]] | None,
    own_variances: Sequence[float] | None,
) -> float:
    """Of the slope, which so many weights [P] make of the means of points."""
    if deviations is None:
        return 0.0
    moved = [weight * one for weight, one in zip(weights, deviations, strict=True)]
    variance = float(np.square(np.sum(moved, axis=0)).sum())
    if own_variances is not None:
        variance -= float(np.square(weights) @ np.asarray(own_variances, dtype=float))
    return math.sqrt(max(variance, 0.0))


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


def _resample_sizes(sizes: Sizes) -> NDArray[np.float64]:
    """How far chance moves log x [R, P], as wide as Student's t where few runs tell of it."""
    draw = np.random.default_rng(1)
    wider = stats.t.ppf(0.84, max(sizes.freedom, 1)) / stats.norm.ppf(0.84)
    return wider * sizes.errors * draw.standard_normal((_N_RESAMPLED, len(sizes.errors)))


def _objection(
    law: PowerLaw,
    sizes: NDArray[np.intp],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    freedom: float,
) -> str:
    if not math.isfinite(law.exponent_error):
        return "no size has two runs that differ: what seeds do is not known"
    if _turns(law.exponent, sizes, means, variances, freedom):
        return "the error does not go one way with size, by more than runs scatter"
    if law.p_value < LEVEL:
        text = "the points lie off the line by more than runs scatter"
        return f"{text} (p = {max(law.p_value, 1e-4):.2g})"
    beyond = abs(law.exponent) / math.hypot(law.exponent_error, law.event_error)
    if beyond < stats.t.isf(LEVEL / 2, max(freedom, 1)):
        return "an exponent of 0, no dependence on size, is not excluded"
    return ""


def _turns(
    exponent: float,
    sizes: NDArray[np.intp],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    freedom: float,
) -> bool:
    """Whether a step to the next size goes against the law, corrected for their number."""
    weights = np.bincount(sizes, 1 / variances)
    heights = np.bincount(sizes, np.log(means) / variances) / weights
    steps = np.diff(heights) * math.copysign(1, exponent)
    errors = np.sqrt(1 / weights[1:] + 1 / weights[:-1])
    limit = stats.t.isf(LEVEL / len(steps), freedom)
    return bool((steps / errors > limit).any())
