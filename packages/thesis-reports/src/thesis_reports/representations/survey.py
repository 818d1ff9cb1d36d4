"""The embeddings of many runs, each read once and reduced to what a report says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.errors import ConfigError, RunError, ThesisError
from thesis_reports.aggregation import Setting
from thesis_reports.figures.representation_map import map_data
from thesis_reports.representations.events import (
    EVENT_VARIABLES,
    Embedded,
    evenly_spaced,
    read_embedded,
    share_between,
    spectrum_of,
)
from thesis_reports.representations.kernel_alignment import Aligned
from thesis_reports.representations.linear_probes import Probed, probe_process, probe_variable
from thesis_reports.scores import ScoreSource

PROBED_VARIABLES = ("n_jets", "n_bjets", "ht", "met")
LABELS = {"n_jets": "jets", "n_bjets": "b-jets", "n_leptons": "leptons", "ht": "HT", "met": "MET"}


@dataclass(frozen=True)
class Limits:
    """Most runs that are read, events that probes and CKA use, points of the map."""

    n_runs: int
    n_events: int
    n_points: int


@dataclass(frozen=True, eq=False)
class SurveyedRun:
    """What is kept of a run.

    Attributes
    ----------
    shares : [D], of the variance of the test events, descending
    effective_dimension
        See `thesis_reports.representations.events.Spectrum`.
    probes
        By quantity.
    aligned
        Its test events, at most `Limits.n_events` of them.
    """

    run_dir: str
    shares: NDArray[np.float64]
    effective_dimension: float
    probes: Mapping[str, Probed]
    aligned: Aligned


@dataclass(frozen=True, eq=False)
class PlaneOfRun:
    """The map of a run: see `draw_map`, and the shares of variance that lie between processes."""

    run_dir: str
    data: pd.DataFrame
    shares: tuple[float, float]
    between: float
    between_in_all: float


@dataclass
class Survey:
    """The runs that could be read, in the order asked for, and what became of the others.

    Attributes
    ----------
    baseline
        The probes of event variables alone; a variable is probed with all others.
    baseline_variables
        What they were given.
    n_fit, n_judge
        Events that probes of the first run learned from, and that judged them.
    largest_class
        Share of the most frequent process among those that judge.
    left_out
        (run directory, reason).
    n_beyond
        Runs that were not read, for there were enough.
    """

    runs: list[SurveyedRun] = field(default_factory=list)
    baseline: dict[str, Probed] = field(default_factory=dict)
    baseline_variables: tuple[str, ...] = ()
    plane: PlaneOfRun | None = None
    n_fit: int = 0
    n_judge: int = 0
    largest_class: float = np.nan
    is_weighted: bool = False
    left_out: list[tuple[str, str]] = field(default_factory=list)
    n_beyond: int = 0


def in_turn(settings: Sequence[Setting]) -> list[str]:
    """Runs in such an order that the first ones are of as many settings as can be."""
    turns = zip_longest(*(setting.run_dirs for setting in settings))
    return [run_dir for turn in turns for run_dir in turn if run_dir is not None]


def survey(source: ScoreSource, run_dirs: Sequence[str], limits: Limits) -> Survey:
    """Read runs until there are enough; all are judged on the test events of the first.

    Probes and the plane of the map are fitted to validation events.
    """
    found = Survey()
    first_process: NDArray[np.integer] | None = None
    for position, run_dir in enumerate(run_dirs):
        if len(found.runs) == limits.n_runs:
            found.n_beyond = len(run_dirs) - position
            break
        try:
            test = read_embedded(source, run_dir, "test")
            if first_process is not None and not np.array_equal(test.process, first_process):
                raise RunError("its test events are others than those of the first run")
            fit = read_embedded(source, run_dir, "val")
            if fit.embeddings.shape[1] != test.embeddings.shape[1]:
                raise RunError("its splits have embeddings of other lengths")
        except ConfigError:
            raise  # the user's, not this run's
        except ThesisError as error:
            found.left_out.append((run_dir, str(error)))
            continue
        learn = evenly_spaced(len(fit), limits.n_events)
        if first_process is None:
            first_process = test.process
            found.plane = _plane(run_dir, fit, test, limits.n_points)
            found.n_fit, found.n_judge = len(learn), len(test)
            found.largest_class = float(np.unique(test.process, return_counts=True)[1].max())
            found.largest_class /= len(test)
        if not found.baseline:
            found.baseline = dict(_probe_baseline(fit, test, learn))
            found.baseline_variables = tuple(fit.variables) if found.baseline else ()
        found.is_weighted |= test.is_weighted
        spectrum = spectrum_of(test.embeddings)
        found.runs.append(
            SurveyedRun(
                run_dir,
                spectrum.shares,
                spectrum.effective_dimension,
                dict(_probe(fit, test, learn)),
                Aligned(test.embeddings[evenly_spaced(len(test), limits.n_events)]),
            )
        )
    return found


def _probe(fit: Embedded, test: Embedded, learn: NDArray[np.intp]) -> Iterator[tuple[str, Probed]]:
    features = fit.embeddings[learn]
    yield from _of_process((features, fit.process[learn]), (test.embeddings, test.process))
    for name in _in_both(fit, test, PROBED_VARIABLES):
        probed = probe_variable(
            (features, fit.variables[name][learn]), (test.embeddings, test.variables[name])
        )
        if probed is not None:
            yield f"R² of {LABELS[name]}", probed


def _probe_baseline(
    fit: Embedded, test: Embedded, learn: NDArray[np.intp]
) -> Iterator[tuple[str, Probed]]:
    """The same of event variables; with fewer than two of them there is no baseline."""
    known = _in_both(fit, test, EVENT_VARIABLES)
    if len(known) < 2:
        return
    learned, judged = _stack(fit, known)[learn], _stack(test, known)
    yield from _of_process((learned, fit.process[learn]), (judged, test.process))
    for name in known:
        others = [known.index(other) for other in known if other != name]
        probed = probe_variable(
            (learned[:, others], fit.variables[name][learn]),
            (judged[:, others], test.variables[name]),
        )
        if name in PROBED_VARIABLES and probed is not None:
            yield f"R² of {LABELS[name]}", probed


def _of_process(fit: tuple, test: tuple) -> Iterator[tuple[str, Probed]]:
    for name, probed in probe_process(fit, test).items():
        yield f"process, {name}", probed


def _in_both(fit: Embedded, test: Embedded, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in fit.variables and name in test.variables]


def _stack(events: Embedded, names: Sequence[str]) -> NDArray[np.float64]:
    return np.stack([events.variables[name] for name in names], axis=1)


def _plane(run_dir: str, fit: Embedded, test: Embedded, n_points: int) -> PlaneOfRun | None:
    if test.embeddings.shape[1] < 2:
        return None
    spectrum = spectrum_of(fit.embeddings)
    points = spectrum.project(test.embeddings, 2)
    drawn = evenly_spaced(len(test), n_points)
    names = [test.names.get(int(which), "unknown") for which in test.process[drawn]]
    return PlaneOfRun(
        run_dir,
        map_data(points[drawn], names),
        (float(spectrum.shares[0]), float(spectrum.shares[1])),
        share_between(points, test.process),
        share_between(test.embeddings, test.process),
    )
