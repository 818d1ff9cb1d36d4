"""Anomaly scores as finders of a process: what each reaches, and what it adds to no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thesis_facts import LABELS, PROCESSES
from thesis_facts.anomaly import AnomalyScores, anomaly_report, compare_changed, read_anomaly
from thesis_facts.errors import ThesisError
from thesis_facts.metrics import paired_auroc_difference
from thesis_reports.aggregation import Setting
from thesis_reports.report import Report
from thesis_reports.rounding import counted
from thesis_reports.statistics import Difference, Spread, spread

WITHOUT_MODEL = ("n_objects", "ht")


@dataclass(frozen=True)
class Finder:
    """A score of the runs of a setting.

    Attributes
    ----------
    setting, score
        Which.
    val, test
        AUROC of the signal against the background, over runs.
    run_dirs, test_values
        Those runs, and the test AUROC of each.
    event_error
        Of one run's test AUROC, from its events.
    rejection
        1/eps_B at eps_S = 0.5 on the test split, over runs.
    """

    setting: str
    score: str
    val: Spread
    test: Spread
    run_dirs: tuple[str, ...]
    test_values: tuple[float, ...]
    event_error: float
    rejection: Spread

    @property
    def label(self) -> str:
        """Both, for figures."""
        return self.score if self.setting == "all runs" else f"{self.setting}: {self.score}"


def read_reports(report: Report) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """What each finished run says its scores find; the others with the reason.

    With inference it is what the scores of its checkpoint find.
    """
    found, left_out = {}, []
    for row in report.runs.to_dict("records"):
        if row["status"] != "complete":
            continue
        run_dir = row["run_dir"]
        try:
            said = read_anomaly(run_dir)
            if report.config.inference.enabled:
                said = {**said, **_infer(report, run_dir, said.get("background"))}
            found[run_dir] = said
        except ThesisError as error:
            left_out.append((row["name"], str(error)))
    return found, left_out


def _infer(report: Report, run_dir: str, background: Sequence[str] | None) -> dict[str, Any]:
    """What the scores of a checkpoint find on val and test, and of corrupted test events."""
    labels = None if background is None else [LABELS[name] for name in background]
    scores = {split: report.scores.read_anomaly(run_dir, split) for split in ("val", "test")}
    clean = scores["test"]
    rows = np.isin(clean.process, [*PROCESSES] if labels is None else labels)
    weights = None if clean.weights is None else clean.weights[rows]
    corruptions = {}
    for strategy in report.config.inference.corruption_strategies:
        try:
            changed = report.scores.read_corrupted_anomaly(
                run_dir, "test", strategy.type, strategy.params.strength
            )
        except ThesisError as error:
            report.note(f"{strategy.label} could not be tried with {run_dir}: {error}")
            continue
        corruptions[strategy.label] = {
            name: compare_changed(values[rows], changed.scores[name][rows], weights)
            for name, values in clean.scores.items()
        }
    splits = {split: anomaly_report(one, labels) for split, one in scores.items()}
    return {"splits": splits, "corruptions": corruptions}


def finders_of(
    setting: Setting, reports: Mapping[str, Mapping[str, Any]], signal: str
) -> list[Finder]:
    """Each score of the runs of a setting, where val and test both have it."""
    of_runs = {run: reports[run]["splits"] for run in setting.run_dirs}
    known = dict.fromkeys(name for splits in of_runs.values() for name in splits.get("test", {}))
    finders = []
    for score in known:
        runs, val, test = [], [], []
        for run, splits in of_runs.items():
            found = [splits.get(split, {}).get(score, {}).get(signal) for split in ("val", "test")]
            if all(one and one["auroc"] is not None for one in found):
                runs.append(run)
                val.append(found[0])
                test.append(found[1])
        if not runs:
            continue
        areas = [one["auroc"] for one in test]
        finders.append(
            Finder(
                setting.label,
                score,
                spread([one["auroc"] for one in val]),
                spread(areas),
                tuple(runs),
                tuple(areas),
                _number(test[0]["auroc_uncertainty"]),
                spread([_number(one["rejection_at_0.5"]) for one in test]),
            )
        )
    return finders


def _number(value: float | None) -> float:
    """Of a fact, in which null stands for what is not finite."""
    return np.nan if value is None else float(value)


def once_without_model(finders: Sequence[Finder]) -> list[Finder]:
    """Scores that need no model are the same for all settings: one row each."""
    kept: list[Finder] = []
    seen: set[tuple[str, float]] = set()
    for finder in finders:
        if finder.score in WITHOUT_MODEL:
            key = (finder.score, round(finder.test.mean, 12))
            if key in seen:
                continue
            seen.add(key)
            own = finder.test_values[:1]
            finder = replace(
                finder,
                setting="no model",
                val=spread([finder.val.mean]),
                test=spread(own),
                run_dirs=finder.run_dirs[:1],
                test_values=own,
                rejection=spread([finder.rejection.mean]),
            )
        kept.append(finder)
    return kept


def gain_of(
    report: Report, runs: Sequence[str], best: Finder, simple: Finder, signal: str
) -> Difference | None:
    """AUROC of the best score minus that of the best one without a model, on the same events."""
    gains = []
    for run in runs:
        try:
            scores = report.scores.read_anomaly(run, "test")
            rows = _signal_and_background(scores, read_anomaly(run), signal)
            gains.append(
                paired_auroc_difference(
                    scores.scores[best.score][rows],
                    scores.scores[simple.score][rows],
                    scores.process[rows] == LABELS[signal],
                    None if scores.weights is None else scores.weights[rows],
                )
            )
        except (ThesisError, KeyError):
            continue
    if not gains:
        return None
    values = spread([gain.value for gain in gains])
    of_seeds = values.sd / np.sqrt(values.n) if values.n > 1 else 0.0
    error = float(np.hypot(gains[0].uncertainty, of_seeds))
    basis = f"paired, the same test events, {counted(len(gains), 'run')}"
    # Satterthwaite: what events do is known well, what seeds do from few of them
    degrees = (values.n - 1) * (error / of_seeds) ** 4 if of_seeds > 0 else np.inf
    return Difference(values.mean, error, basis, float(degrees))


def _signal_and_background(
    scores: AnomalyScores, found: Mapping[str, Any], signal: str
) -> np.ndarray:
    background = found.get("background") or [name for name in LABELS if name != signal]
    return np.isin(scores.process, [LABELS[name] for name in {*background, signal}])


def in_words(score: str) -> str:
    """One of `WITHOUT_MODEL`."""
    return {"n_objects": "the number of objects", "ht": "HT"}[score]
