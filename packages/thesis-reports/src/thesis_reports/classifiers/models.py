"""Classifiers judged as finders of one class: groups of runs with their numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thesis_facts import Scores
from thesis_facts.errors import ThesisError
from thesis_reports.classifiers.runs import (
    Events,
    JudgedRun,
    Judging,
    events_of,
    find_signal,
    judge_run,
)
from thesis_reports.groups import AxisGroup
from thesis_reports.scores import ScoreSource
from thesis_reports.statistics import Spread, spread


@dataclass(frozen=True, eq=False)
class Model:
    """Runs that differ by chance alone, or by what is not compared."""

    label: str
    runs: tuple[JudgedRun, ...]

    @property
    def val_auroc(self) -> Spread:
        """Over runs."""
        return spread([run.val_auroc for run in self.runs])

    def over_runs(self, key: str) -> Spread:
        """Of a number of its runs; of a rejection the inverse of the mean ε_B.

        NaN where a run lacks the number, for a mean of the others would be too good or too bad.
        """
        values = np.array([run.numbers[key].value for run in self.runs])
        if key.startswith("rejection"):
            passing = spread(1 / values)
            if not passing.mean > 0:
                return Spread(np.nan, np.nan, len(values))
            return Spread(1 / passing.mean, passing.sd / passing.mean**2, len(values))
        return spread(values) if np.isfinite(values).all() else Spread(np.nan, np.nan, len(values))

    def event_error(self, key: str) -> float:
        """What chance in the events does to a number of one run: the mean over its runs."""
        estimates = [run.numbers[key] for run in self.runs]
        if key.startswith("rejection"):
            errors = [one.uncertainty / one.value**2 for one in estimates if np.isfinite(one.value)]
            return float(np.mean(errors) * self.over_runs(key).mean ** 2) if errors else np.nan
        return float(np.mean([one.uncertainty for one in estimates]))

    def error(self, key: str) -> float:
        """Of one training: seeds and events together."""
        return math.hypot(np.nan_to_num(self.over_runs(key).sd), self.event_error(key))

    def lower_limit(self, key: str) -> float:
        """What a rejection is at least in each run, where no run sees any background pass."""
        return min(run.limits.get(key, np.nan) for run in self.runs)

    @property
    def representative(self) -> JudgedRun:
        """The run with the median validation AUROC, the lower one of two."""
        ordered = sorted(self.runs, key=lambda run: run.val_auroc)
        return ordered[(len(ordered) - 1) // 2]


@dataclass(frozen=True)
class Judged:
    """Models, the best on validation first; (run, reason) of those that could not be judged."""

    models: list[Model]
    events: Events | None
    left_out: list[tuple[str, str]]


def judge_models(
    groups: Sequence[AxisGroup], runs: pd.DataFrame, source: ScoreSource, judging: Judging
) -> Judged:
    """Read the scores of each finished run once, and judge it.

    Runs whose events are not those of most are left out: numbers on other events do not compare.

    Raises
    ------
    ConfigError
        Where there is no such class, or where none is obvious.
    """
    names = dict(zip(runs["run_dir"], runs["name"], strict=True)) if len(runs) else {}
    finished = set(runs.loc[runs["status"] == "complete", "run_dir"]) if len(runs) else set()
    left_out: list[tuple[str, str]] = []
    found: dict[str, tuple[Scores, Scores]] = {}
    samples: dict[str, list[str]] = {}
    for run_dir in (run for group in groups for run in group.run_dirs if run in finished):
        try:
            val = source.read(run_dir, "val")
            judged = val if judging.split == "val" else source.read(run_dir, judging.split)
        except ThesisError as error:
            left_out.append((names[run_dir], str(error)))
            continue
        found[run_dir] = (val, judged)
        samples.setdefault(_fingerprint(val, judged), []).append(run_dir)
    if not found:
        return Judged([], None, left_out)
    usual = set(max(samples.values(), key=len))
    strange = "its scores are of other events or classes than those of most runs"
    left_out += [(names[run_dir], strange) for run_dir in found if run_dir not in usual]
    sample = found[next(run for run in found if run in usual)][1]
    events = events_of(sample, find_signal(sample.class_names, judging.signal))
    models = []
    for group in groups:
        members = []
        for run_dir in (run for run in group.run_dirs if run in usual):
            try:
                members.append(
                    judge_run(run_dir, names[run_dir], *found.pop(run_dir), judging, events)
                )
            except ThesisError as error:
                left_out.append((names[run_dir], str(error)))
        if members:
            models.append(Model(group.label, tuple(members)))
    models.sort(key=lambda model: -model.val_auroc.mean)
    return Judged(models, events if models else None, left_out)


def _fingerprint(*samples: Scores) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for scores in samples:
        digest.update(repr((scores.class_names, len(scores))).encode())
        for array in (scores.labels, scores.process, scores.weights):
            known = b"-" if array is None else np.ascontiguousarray(array, np.float64).tobytes()
            digest.update(known)
    return digest.hexdigest()
