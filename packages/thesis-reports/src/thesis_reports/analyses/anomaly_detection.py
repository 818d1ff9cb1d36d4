"""Does a model that learned from background alone find another process, and by which score?

Scores are chosen on the validation split and judged on the test split, beside two that need no
model: the number of objects, and HT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig

from thesis_facts import LABELS, PROCESSES
from thesis_facts.anomaly import AnomalyScores, anomaly_report, compare_changed, read_anomaly
from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.metrics import paired_auroc_difference
from thesis_reports.aggregation import Setting, group_by_seed
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.figures.grid import draw_grid, grid_data
from thesis_reports.figures.score_distribution import draw_densities, score_densities
from thesis_reports.figures.settings import SettingPoint, draw_settings, settings_data
from thesis_reports.page.content import Column, Table
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted, number, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.statistics import Difference, Spread, spread

FIGURES = ("scores", "distributions", "processes", "corruptions")
WITHOUT_MODEL = ("n_objects", "ht")
_QUESTION = "Does a model that learned from background alone find {signal}, and by which score?"


class Anomaly(Section):
    """`signal` is the process that is looked for."""

    signal: str = "4t"


class AnomalyConfig(ReportConfig):
    """Adds what is looked for."""

    report_name: str = "anomaly_detection"
    anomaly: Anomaly = Anomaly()


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


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Report what the anomaly scores of autoencoders find."""
    config = read_config(cfg, AnomalyConfig)
    signal = config.anomaly.signal
    if signal not in LABELS:
        raise ConfigError(
            "no such process", key="anomaly.signal", found=signal, expected=f"one of {[*LABELS]}"
        )
    with open_report(config, _QUESTION.format(signal=signal), FIGURES) as report:
        reports, left_out = _read_reports(report)
        settings = group_by_seed({run: report.configs[run] for run in reports})
        finders = [f for setting in settings for f in _finders(setting, reports, signal)]
        finders = _once_without_model(finders)
        finders.sort(key=lambda finder: -finder.val.mean)
        best = next((f for f in finders if f.score not in WITHOUT_MODEL), None)
        simple = next((f for f in finders if f.score in WITHOUT_MODEL), None)
        runs = best.run_dirs if best else ()
        gain = _gain(report, runs, best, simple, signal) if best and simple else None

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_what_finds(best, simple, gain, signal))
        report.answer = " ".join(said)
        _add_key_numbers(report, best, simple, gain, signal)
        if finders:
            report.table(_table(finders, signal))
        failed = why_not_finished(report.runs)
        if failed:
            report.reasons("Runs that did not finish", failed)
        if left_out:
            report.reasons("Runs without anomaly scores", left_out)
        learned = [one.get("background") or () for one in reports.values()]
        if any(signal in background or not background for background in learned):
            report.note(f"Some runs learned from {signal} itself: nothing of it is new to them.")
        if best is not None:
            _add_scores(report, finders, signal)
            _add_distributions(report, runs, best, signal)
            _add_processes(report, reports, runs, best, signal)
            _add_corruptions(report, reports, runs, best)
        report.summary(
            report.runs,
            question=report.question,
            answer=report.answer,
            signal=signal,
            scores=[asdict(finder) for finder in finders],
            best=asdict(best) if best else None,
            gain=asdict(gain) if gain else None,
            left_out=[{"run_dir": run, "reason": reason} for run, reason in left_out],
        )


def _read_reports(report: Report) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
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
        changed = report.scores.read_corrupted_anomaly(
            run_dir, "test", strategy.type, strategy.params.strength
        )
        corruptions[strategy.label] = {
            name: compare_changed(values[rows], changed.scores[name][rows], weights)
            for name, values in clean.scores.items()
        }
    splits = {split: anomaly_report(one, labels) for split, one in scores.items()}
    return {"splits": splits, "corruptions": corruptions}


def _finders(
    setting: Setting, reports: Mapping[str, Mapping[str, Any]], signal: str
) -> list[Finder]:
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


def _once_without_model(finders: Sequence[Finder]) -> list[Finder]:
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


def _gain(
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
    return Difference(
        values.mean, error, f"paired, the same test events, {counted(len(gains), 'run')}"
    )


def _signal_and_background(
    scores: AnomalyScores, found: Mapping[str, Any], signal: str
) -> np.ndarray:
    background = found.get("background") or [name for name in LABELS if name != signal]
    return np.isin(scores.process, [LABELS[name] for name in {*background, signal}])


def _what_finds(
    best: Finder | None, simple: Finder | None, gain: Difference | None, signal: str
) -> str:
    if best is None:
        return f"No run has anomaly scores of a model for {signal}."
    text = f"The score that finds {signal} best on the validation split is {best.label}; on the "
    text += f"test split its AUROC is {with_uncertainty(best.test.mean, best.event_error)}"
    if best.test.n > 1:
        text += f" (spread over {best.test.n} seeds {number(best.test.sd, 2)})"
    if simple is None:
        return f"{text}."
    text += f". Without any model {_in_words(simple.score)} reaches {number(simple.test.mean)}"
    if gain is None:
        return f"{text}."
    ahead = with_uncertainty(gain.value, gain.uncertainty)
    if not abs(gain.value) > 2 * gain.uncertainty:  # also where that is unknown
        return f"{text}: a difference of {ahead}, which may be chance."
    return f"{text}: the model {'adds' if gain.value > 0 else 'loses'} {ahead.lstrip('−')}."


def _in_words(score: str) -> str:
    return {"n_objects": "the number of objects", "ht": "HT"}[score]


def _add_key_numbers(
    report: Report,
    best: Finder | None,
    simple: Finder | None,
    gain: Difference | None,
    signal: str,
) -> None:
    if best is None:
        return
    value = with_uncertainty(best.test.mean, best.event_error)
    report.key_number(f"test AUROC of {signal}", value, f"{best.score}; ± from events")
    if simple is not None:
        value = with_uncertainty(simple.test.mean, simple.event_error)
        report.key_number("without a model", value, _in_words(simple.score))
    if gain is not None:
        report.key_number(
            "what the model adds", with_uncertainty(gain.value, gain.uncertainty), gain.basis
        )


def _table(finders: Sequence[Finder], signal: str) -> Table:
    columns = [
        Column("setting", [f.setting for f in finders]),
        Column("score", [f.score for f in finders]),
        Column("runs", [f.test.n for f in finders], lambda n: f"{int(n)}"),
    ]
    for label, spreads in (
        ("val AUROC", [f.val for f in finders]),
        ("test AUROC", [f.test for f in finders]),
        ("test 1/ε_B", [f.rejection for f in finders]),
    ):
        columns.append(
            Column(
                label,
                [one.mean for one in spreads],
                texts=[with_uncertainty(one.mean, one.sd) for one in spreads],
                hint="mean ± standard deviation over runs",
            )
        )
    columns.append(
        Column("± events", [f.event_error for f in finders], lambda v: number(v, 2), "of one run")
    )
    return Table(
        f"What finds {signal}",
        columns,
        f"{signal} against the processes that each run learned from; larger scores are less like "
        "them. 1/ε_B is at ε_S = 0.5. The order is that of the validation split.",
        highlighted=frozenset(
            [i for i, f in enumerate(finders) if f.score not in WITHOUT_MODEL][:1]
        ),
        sorted_by=("val AUROC", "descending"),
    )


def _add_scores(report: Report, finders: Sequence[Finder], signal: str) -> None:
    points = [
        SettingPoint(f.label, np.array(f.test_values), f.test.mean, f.test.sd) for f in finders
    ]
    caption = f"Test AUROC of {signal} for each score, in the order of the validation split. "
    caption += f"First: {finders[0].label} with {number(finders[0].test.mean)}. 0.5 is chance; "
    caption += f"events leave each uncertain by about {number(finders[0].event_error, 2)}."
    report.figure(
        "scores",
        "Scores",
        lambda: draw_settings(points, quantity=f"test AUROC of {signal}"),
        caption,
        data=settings_data(points),
        wide=True,
    )


def _add_distributions(report: Report, runs: Sequence[str], best: Finder, signal: str) -> None:
    title = f"Distribution of {best.score}"
    try:
        scores = report.scores.read_anomaly(runs[0], "test")
    except ThesisError as error:
        report.not_drawn("distributions", title, str(error))
        return
    weights = np.ones(len(scores)) if scores.weights is None else scores.weights
    of_process = {
        name: (scores.scores[best.score][rows], weights[rows])
        for label, name in PROCESSES.items()
        if (rows := scores.process == label).any()
    }
    means = ", ".join(
        f"{name} {number(float(np.average(values, weights=w)), 3)}"
        for name, (values, w) in of_process.items()
        if w.sum() > 0
    )
    caption = f"Test split, first run of {best.setting}. Means: {means}. Each has unit area."
    data = score_densities(of_process, signal)
    report.figure(
        "distributions",
        title,
        lambda: draw_densities(data, quantity=best.score),
        caption,
        data=data,
    )


def _add_processes(
    report: Report,
    reports: Mapping[str, Mapping[str, Any]],
    runs: Sequence[str],
    best: Finder,
    signal: str,
) -> None:
    splits = [reports[run]["splits"]["test"] for run in runs]
    scores, processes = list(splits[0]), list(splits[0][best.score])  # each run has this score
    fields = {
        (score, process): spread([one[score][process]["auroc"] for one in splits])
        for score in scores
        for process in processes
        if all(one.get(score, {}).get(process, {}).get("auroc") is not None for one in splits)
    }
    caption = f"Test AUROC of each process against the other background, {best.setting}. "
    caption += f"{best.score} tells {signal} with {number(fields[best.score, signal].mean)}."
    report.figure(
        "processes",
        "Processes",
        lambda: draw_grid(
            fields, scores, processes, axes_names=("score", "process"), quantity="test AUROC"
        ),
        caption,
        data=grid_data(fields, ("score", "process")),
        wide=True,
    )


def _add_corruptions(
    report: Report, reports: Mapping[str, Mapping[str, Any]], runs: Sequence[str], best: Finder
) -> None:
    title = "Corrupted events"
    found = [reports[run].get("corruptions") or {} for run in runs]
    corruptions = list(found[0])
    if not all(found):
        report.not_drawn("corruptions", title, "Some runs tried no corruption.")
        return
    scores = list(found[0][corruptions[0]])
    fields = {
        (score, corruption): spread([one[corruption][score]["auroc"] for one in found])
        for corruption in corruptions
        for score in scores
        if all(score in one.get(corruption, {}) for one in found)
    }
    strongest = max(fields, key=lambda field: abs(fields[field].mean - 0.5))
    caption = "AUROC by which a score tells changed test events from the same as they were, "
    caption += f"{best.setting}. 0.5: it does not see the change. Clearest: {strongest[0]} sees "
    caption += f"{strongest[1]} with {number(fields[strongest].mean, 3)}."
    report.figure(
        "corruptions",
        title,
        lambda: draw_grid(
            fields, scores, corruptions, axes_names=("score", "corruption"), quantity="AUROC"
        ),
        caption,
        data=grid_data(fields, ("score", "corruption")),
        wide=True,
    )
