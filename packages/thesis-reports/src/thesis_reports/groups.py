"""Runs grouped by what they were set to, and how well each group does on common events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts import Scores
from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.predictions import check_predictions, log_softmax
from thesis_facts.scores import same_events
from thesis_reports.aggregation import Setting
from thesis_reports.comparison import Group
from thesis_reports.naming import setting_label
from thesis_reports.ranking import Metric
from thesis_reports.scores import ScoreSource

NO_EVENTS = np.zeros(1)  # of a metric whose chance in the events is unknown
_OF_SCORES = ("auroc", "acc", "loss")


@dataclass(frozen=True)
class AxisGroup:
    """Runs that agree in what is compared.

    Attributes
    ----------
    label
        As in ``norm_type=pre``.
    values
        What they agree in, by short name.
    run_dirs
        The runs, whatever else they differ in.
    """

    label: str
    values: dict[str, Any]
    run_dirs: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """Groups with their metric on common events, and the runs that could not be judged.

    Attributes
    ----------
    groups
        Those that have a run left.
    n_events
        Events behind the deviations; 0 where the chance in them is unknown.
    left_out
        (run directory, reason).
    """

    groups: list[Group]
    n_events: int
    left_out: list[tuple[str, str]]


def group_by_axes(
    settings: Sequence[Setting],
    runs: pd.DataFrame,
    axes: Sequence[str],
    key: str = "compare.axes",
) -> list[AxisGroup]:
    """Put runs together that have the same values on some axes.

    Parameters
    ----------
    settings
        What was varied; see `thesis_reports.aggregation.group_by_seed`.
    runs
        See `thesis_reports.selection.SelectedRuns`.
    axes
        Names of what was varied, or columns of `runs`; none means all that was varied.
    key
        Of the config, for the message.

    Raises
    ------
    ConfigError
        Where there is no such axis.
    """
    varied = list(settings[0].values) if settings else []
    if not axes:
        return [AxisGroup(s.label, s.values, s.run_dirs) for s in settings]
    known = [*varied, *(name for name in runs.columns if name not in varied)]
    for axis in axes:
        if len(runs) and axis not in known:
            near = get_close_matches(axis, known, n=1)
            raise ConfigError(
                "no such axis",
                key=key,
                found=axis,
                expected=f"some of {', '.join(varied)}, or a column of the runs table",
                do=f"did you mean {near[0]}?" if near else None,
            )
    of_run = {run: setting.values for setting in settings for run in setting.run_dirs}
    groups: dict[str, AxisGroup] = {}
    for row in runs.to_dict("records"):
        run_dir = str(row["run_dir"])
        values = {axis: of_run[run_dir][axis] if axis in varied else row[axis] for axis in axes}
        label = setting_label(values)
        key = json.dumps(values, sort_keys=True, default=str)  # a label rounds
        before = groups.get(key, AxisGroup(label, values, ()))
        groups[key] = AxisGroup(label, values, (*before.run_dirs, run_dir))
    return list(groups.values())


def judge(
    groups: Sequence[AxisGroup],
    runs: pd.DataFrame,
    source: ScoreSource,
    metric: Metric,
    split: str,
    signal: str | None,
    key: str = "compare.signal",
) -> Judged:
    """The metric of each finished run: AUROC, accuracy and loss from the scores of classifiers.

    Other metrics, and runs without scores, have what was recorded, whose chance in the events is
    unknown.

    Parameters
    ----------
    runs
        See `thesis_reports.selection.SelectedRuns`.
    source
        Where scores come from.
    split
        ``val`` or ``test``.
    signal
        Class that AUROC tells from all others; None: the second of two classes, or the mean over
        all classes.
    key
        Of the signal in the config, for the message.
    """
    finished = runs[runs["status"] == "complete"].set_index("run_dir")
    known = [
        AxisGroup(g.label, g.values, tuple(run for run in g.run_dirs if run in finished.index))
        for g in groups
    ]
    column = metric.column if split == "val" else f"metric_{metric.name}_{split}"
    if metric.name in _OF_SCORES:
        found = _judge_scores(known, source, metric.name, split, signal, key)
        if found.groups or source.infers or column not in finished:
            return found
    values: Mapping[Any, Any] = finished[column].to_dict() if column in finished else {}
    left_out, judged = [], []
    for group in known:
        missing = [run for run in group.run_dirs if pd.isna(values.get(run, np.nan))]
        left_out += [(run, f"no {metric.label} on the {split} split") for run in missing]
        runs_of = [(float(values[run]), NO_EVENTS) for run in group.run_dirs if run not in missing]
        if runs_of:
            judged.append(Group.of(group.label, runs_of))
    return Judged(judged, 0, left_out)


def none_judged(metric: Metric, split: str, by_val: Judged, key: str) -> str:
    """Answer where no run can be judged: as older runs, which were not tested by what they kept.

    `key` is the one of the split in the config, `by_val` what validation says.
    """
    article = "an" if metric.label[0] in "AEIOaeio" else "a"
    text = f"No run has {article} {metric.label} on the {split} split"
    if split == "val" or not by_val.groups:
        return f"{text}."
    return f"{text}; {key}=val judges by the validation split."


def _judge_scores(
    groups: Sequence[AxisGroup],
    source: ScoreSource,
    metric: str,
    split: str,
    signal: str | None,
    key: str,
) -> Judged:
    left_out: list[tuple[str, str]] = []
    common: list[Scores] = []

    def found(run_dirs: Sequence[str]) -> Iterator[tuple[float, NDArray[np.float64]]]:
        for run_dir in run_dirs:
            try:
                scores = source.read(run_dir, split)
                if common and not same_events(scores, common[0]):
                    raise ThesisError("its scores are of other events than those of the first run")
                judged = _auroc(scores, signal, key) if metric == "auroc" else _mean(scores, metric)
            except ConfigError:
                raise  # the user's, not this run's
            except ThesisError as error:
                left_out.append((run_dir, str(error)))
                continue
            if not common:
                common.append(scores)
            yield judged

    judged = []
    for group in groups:
        of_group = list(found(group.run_dirs))
        if of_group:
            judged.append(Group.of(group.label, of_group))
    return Judged(judged, len(common[0]) if common else 0, left_out)


def _auroc(scores: Scores, signal: str | None, key: str) -> tuple[float, NDArray[np.float64]]:
    """Value and influences [N]."""
    names = list(scores.class_names)
    if signal is not None and signal not in names:
        raise ConfigError("no such class", key=key, found=signal, expected=f"one of {names}")
    predictions = check_predictions(scores.logits, scores.labels, scores.weights)
    classes = predictions.ranked_classes if signal is None else [names.index(signal)]
    of_class = [predictions.rank_class(which) for which in classes]
    rankings = [ranking for ranking in of_class if ranking is not None]
    if len(rankings) < len(of_class):
        raise ThesisError("AUROC is not defined: a class has no events")
    value = float(np.mean([auroc_of(ranking) for ranking in rankings]))
    return value, np.mean([auroc_influence(ranking) for ranking in rankings], axis=0)


def _mean(scores: Scores, metric: str) -> tuple[float, NDArray[np.float64]]:
    """Accuracy, or mean of -log p of the true class, with its influences [N]."""
    predictions = check_predictions(scores.logits, scores.labels, scores.weights)
    rows = np.arange(len(scores))
    if metric == "acc":
        each = (np.argmax(scores.logits, axis=1) == scores.labels).astype(np.float64)
    else:
        each = -log_softmax(scores.logits)[rows, scores.labels]
    weights = predictions.weights
    value = float((weights * each).sum() / weights.sum())
    return value, weights * (each - value) / weights.sum()
