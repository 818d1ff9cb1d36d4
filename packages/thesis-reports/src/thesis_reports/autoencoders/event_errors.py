"""Errors of autoencoders, event by event: groups of runs on the same events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.anomaly import AnomalyScores
from thesis_facts.errors import ConfigError, ThesisError
from thesis_reports.comparison import Group
from thesis_reports.groups import NO_EVENTS, AxisGroup
from thesis_reports.ranking import Metric, metric_named
from thesis_reports.scores import ScoreSource

_SHARED = ("n_objects", "ht")  # scores that need no model: events are the same where these are
_ONE_RUN = tuple[float, NDArray[np.float64]]  # a mean error, and the influences of the events


@dataclass(frozen=True)
class EventErrors:
    """Mean errors of runs on the events of a split.

    Attributes
    ----------
    groups
        By metric: those groups that have a run with this error.
    of_run
        By metric and run directory: the mean error.
    n_objects
        Mean number of objects of the events that a run was judged on.
    n_events
        Events behind the deviations of the groups; 0 where only recorded means are at hand, and
        the chance in the events is unknown.
    left_out
        By metric: (run directory, reason).
    """

    groups: dict[str, list[Group]] = field(default_factory=dict)
    of_run: dict[str, dict[str, float]] = field(default_factory=dict)
    n_objects: dict[str, float] = field(default_factory=dict)
    n_events: int = 0
    left_out: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def group_values(self, group: AxisGroup, metric: str) -> NDArray[np.float64]:
        """[n] of the runs of a group that have this error."""
        of_run = self.of_run[metric]
        return np.array([of_run[run] for run in group.run_dirs if run in of_run])


def error_named(name: str) -> Metric:
    """The metric of that name as an error: the smaller the better."""
    return replace(metric_named(name), higher_is_better=False)


def check_error(runs: pd.DataFrame, name: str, key: str) -> None:
    """Raise a `ConfigError` where runs finished, and none of them has this error."""
    finished = runs[runs["status"] == "complete"] if len(runs) else runs
    known = [c for c in finished if str(c).startswith("metric_") and finished[c].notna().any()]
    names = dict.fromkeys(
        column.removeprefix("metric_").removesuffix(end)
        for column in known
        for end in ("_best", "_final", "_test")
        if column.endswith(end)
    )
    if names and name not in names:
        near = get_close_matches(name, names, n=1)
        raise ConfigError(
            "no run has this metric",
            key=key,
            found=name,
            expected=f"one of {', '.join(names)}",
            do=f"did you mean {near[0]}?" if near else None,
        )


def read_errors(
    groups: Sequence[AxisGroup],
    runs: pd.DataFrame,
    source: ScoreSource,
    metrics: Sequence[str],
    split: str,
) -> EventErrors:
    """Errors of the finished runs, from their scores of each event; each file is read once.

    Where no run has scores, the means that were recorded stand for them.

    Parameters
    ----------
    groups
        Runs that are told apart by chance alone.
    runs
        See `thesis_reports.selection.SelectedRuns`.
    source
        Where scores come from.
    metrics
        Names of errors, such as ``rec_tokens``; a run need not have all of them.
    split
        ``val`` or ``test``.
    """
    finished = set(runs.loc[runs["status"] == "complete", "run_dir"]) if len(runs) else set()
    groups = [replace(g, run_dirs=tuple(r for r in g.run_dirs if r in finished)) for g in groups]
    found = _from_scores(groups, source, metrics, split)
    if found.n_events or source.infers:
        return found
    return _recorded(groups, runs, metrics, split)


def _from_scores(
    groups: Sequence[AxisGroup], source: ScoreSource, metrics: Sequence[str], split: str
) -> EventErrors:
    of_group: dict[str, list[Group]] = {metric: [] for metric in metrics}
    of_run: dict[str, dict[str, float]] = {metric: {} for metric in metrics}
    left_out: dict[str, list[tuple[str, str]]] = {metric: [] for metric in metrics}
    n_objects: dict[str, float] = {}
    first: AnomalyScores | None = None
    for group in groups:
        found: dict[str, list[_ONE_RUN]] = {metric: [] for metric in metrics}
        for run_dir in group.run_dirs:
            try:
                scores = source.read_anomaly(run_dir, split)
                if first is not None and not _same_events(scores, first):
                    raise ThesisError("its scores are of other events than those of the first run")
            except ThesisError as error:
                for reasons in left_out.values():
                    reasons.append((run_dir, str(error)))
                continue
            first = scores if first is None else first
            if "n_objects" in scores.scores:
                n_objects[run_dir] = _mean(scores.scores["n_objects"], scores.weights)[0]
            for metric in metrics:
                if metric not in scores.scores:
                    left_out[metric].append((run_dir, f"its scores have no {metric}"))
                    continue
                value, influence = _mean(scores.scores[metric], scores.weights)
                if not np.isfinite(value):
                    left_out[metric].append((run_dir, f"{metric} of some events is not finite"))
                    continue
                found[metric].append((value, influence))
                of_run[metric][run_dir] = value
        for metric, values in found.items():
            if values:
                of_group[metric].append(Group.of(group.label, values))
    return EventErrors(of_group, of_run, n_objects, len(first) if first else 0, left_out)


def _recorded(
    groups: Sequence[AxisGroup], runs: pd.DataFrame, metrics: Sequence[str], split: str
) -> EventErrors:
    found = EventErrors()
    table = runs.set_index("run_dir") if len(runs) else runs
    for metric in metrics:
        column = f"metric_{metric}_{'best' if split == 'val' else split}"
        known = table[column].dropna().astype(float).to_dict() if column in table else {}
        judged = [run for group in groups for run in group.run_dirs]
        found.of_run[metric] = {run: known[run] for run in judged if run in known}
        found.left_out[metric] = [
            (run, f"no {metric} on the {split} split") for run in judged if run not in known
        ]
        found.groups[metric] = [
            Group.of(group.label, [(float(v), NO_EVENTS) for v in values])
            for group in groups
            if len(values := found.group_values(group, metric))
        ]
    return found


def _mean(values: NDArray, weights: NDArray | None) -> _ONE_RUN:
    """Weighted mean of [N] values, and what each event adds to its deviation [N]."""
    values = np.asarray(values, dtype=np.float64)
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum()
    mean = float(shares @ values)
    return mean, shares * (values - mean)


def _same_events(one: AnomalyScores, other: AnomalyScores) -> bool:
    if not np.array_equal(one.process, other.process):
        return False
    both = [name for name in _SHARED if name in one.scores and name in other.scores]
    # devices may sum momenta in another order
    return all(np.allclose(one.scores[n], other.scores[n], rtol=1e-4, atol=1e-3) for n in both)


def names_of(
    left_out: Sequence[tuple[str, str]], names: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The same with the names of the runs in place of their directories."""
    return [(names.get(run, run), reason) for run, reason in left_out]
