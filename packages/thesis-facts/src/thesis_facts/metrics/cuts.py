"""Where to cut on a score: expected events and significance behind a threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import rank_events
from thesis_facts.metrics.sample import (
    Estimate,
    MetricError,
    check_sample,
    check_total,
    effective_of_sums,
)
from thesis_facts.metrics.significance import (
    FORMULAS,
    Formula,
    asimov_significance,
    check_relative,
    significance,
)
from thesis_facts.metrics.working_points import efficiency_variance


@dataclass(frozen=True)
class CountingExperiment:
    """What turns efficiencies into expected events.

    Attributes
    ----------
    signal_cross_section, background_cross_section : of the events as scored (fb)
    luminosity : integrated (1/fb)
    relative_background_uncertainty : systematic uncertainty r of the background, σ_B = r B
    """

    signal_cross_section: float
    background_cross_section: float
    luminosity: float
    relative_background_uncertainty: float

    def __post_init__(self) -> None:
        for key in ("signal_cross_section", "background_cross_section", "luminosity"):
            if not 0 < getattr(self, key) < np.inf:
                raise MetricError(
                    "not a rate", key=key, found=getattr(self, key), expected="a positive number"
                )
        check_relative(self.relative_background_uncertainty)

    @property
    def signal_events(self) -> float:
        """Signal events before any cut."""
        return self.signal_cross_section * self.luminosity

    @property
    def background_events(self) -> float:
        """Background events before any cut."""
        return self.background_cross_section * self.luminosity


@dataclass(frozen=True, eq=False)
class SignificanceScan:
    """Expected significance of the cut ``score >= threshold`` at every distinct score.

    Attributes
    ----------
    thresholds : [G], descending
    signal, background : [G], expected events S and B that pass
    n_effective_background : [G], effective number of simulated background events that pass
    simple : [G], S/√(B + (rB)²)
    asimov : [G], see `asimov_significance`
    """

    thresholds: NDArray[np.float64]
    signal: NDArray[np.float64]
    background: NDArray[np.float64]
    n_effective_background: NDArray[np.float64]
    simple: NDArray[np.float64]
    asimov: NDArray[np.float64]


@dataclass(frozen=True)
class CutSignificance:
    """What one cut gives; uncertainties are those of the finite simulated samples.

    Attributes
    ----------
    threshold : events with score >= threshold pass
    signal, background : expected events
    simple : S/√(B + (rB)²)
    asimov : see `asimov_significance`
    """

    threshold: float
    signal: Estimate
    background: Estimate
    simple: Estimate
    asimov: Estimate


def expected_significance(
    scores: ArrayLike,
    is_signal: ArrayLike,
    experiment: CountingExperiment,
    weights: ArrayLike | None = None,
) -> SignificanceScan:
    """Expected significance of every cut, for figures.

    Its maximum is biased upwards on the events that it was found on: take the cut from the
    validation events with `best_cut`, and its significance from others with
    `significance_at_cut`.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    """
    ranking = rank_events(scores, is_signal, weights)
    signal = experiment.signal_events * ranking.signal_efficiency[1:]
    background = experiment.background_events * ranking.background_efficiency[1:]
    relative = experiment.relative_background_uncertainty
    return SignificanceScan(
        thresholds=ranking.thresholds,
        signal=signal,
        background=background,
        n_effective_background=effective_of_sums(
            ranking.background[1:], ranking.background_squares[1:]
        ),
        simple=significance(signal, background, relative),
        asimov=asimov_significance(signal, background, relative),
    )


def best_cut(
    scores: ArrayLike,
    is_signal: ArrayLike,
    experiment: CountingExperiment,
    weights: ArrayLike | None = None,
    *,
    formula: str = "asimov",
    min_background_events: float,
) -> float:
    """Threshold of the largest expected significance.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    formula : "asimov" or "simple"
    min_background_events
        Effective number of simulated background events that must pass: below a few, the largest
        significance is that of the luckiest gap between background events.
    """
    if formula not in FORMULAS:
        raise MetricError("unknown formula", key="formula", found=formula, expected=[*FORMULAS])
    scan = expected_significance(scores, is_signal, experiment, weights)
    values: NDArray = getattr(scan, formula)
    allowed = (scan.n_effective_background >= min_background_events) & np.isfinite(values)
    if not allowed.any():
        raise MetricError(
            "no cut leaves enough simulated background",
            key="min_background_events",
            found=f"at most {scan.n_effective_background.max():.1f} effective events",
            expected=f"at least {min_background_events:g}",
        )
    return float(scan.thresholds[np.argmax(np.where(allowed, values, -np.inf))])


def significance_at_cut(
    scores: ArrayLike,
    is_signal: ArrayLike,
    threshold: float,
    experiment: CountingExperiment,
    weights: ArrayLike | None = None,
) -> CutSignificance:
    """Expected significance of one given cut, with the statistical uncertainty of the simulation.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    threshold : events with score >= threshold pass
    """
    scores, is_signal, weights = check_sample(scores, is_signal, weights)
    passes = scores >= threshold
    signal = _yield(weights[is_signal], passes[is_signal], experiment.signal_events, "signal")
    background = _yield(
        weights[~is_signal], passes[~is_signal], experiment.background_events, "background"
    )
    return CutSignificance(
        threshold=float(threshold),
        signal=signal,
        background=background,
        **{
            name: _propagate(formula, signal, background, experiment)
            for name, formula in FORMULAS.items()
        },
    )


def _yield(weights: NDArray, passes: NDArray, events: float, of_what: str) -> Estimate:
    """Expected events behind a cut: the efficiency times the events before it."""
    check_total(weights, f"{of_what} events")
    passing, total = float(weights[passes].sum()), float(weights.sum())
    squares = np.square(weights)
    variance = efficiency_variance(
        passing, float(squares[passes].sum()), total, float(squares.sum())
    )
    return Estimate(events * passing / total, events * float(np.sqrt(variance)))


def _propagate(
    formula: Formula, signal: Estimate, background: Estimate, experiment: CountingExperiment
) -> Estimate:
    """Significance with the uncertainties of S and B carried through its slopes."""
    relative = experiment.relative_background_uncertainty
    value = float(formula(signal.value, background.value, relative))
    step = 1e-4 * abs(signal.value), 1e-4 * abs(background.value)
    if not all(step):
        return Estimate(value, np.nan)
    up, down = (
        formula(
            signal.value + np.array([sign * step[0], 0]),
            background.value + np.array([0, sign * step[1]]),
            relative,
        )
        for sign in (1, -1)
    )
    slopes = (up - down) / (2 * np.array(step))
    return Estimate(
        value, float(np.hypot(*(slopes * (signal.uncertainty, background.uncertainty))))
    )
