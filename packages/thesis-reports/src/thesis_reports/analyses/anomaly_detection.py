"""Does a model that learned from background alone find another process, and by which score?

Scores are chosen on the validation split and judged on the test split, beside two that need no
model: the number of objects, and HT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig

from thesis_facts import LABELS
from thesis_facts.errors import ConfigError
from thesis_reports.aggregation import group_by_seed
from thesis_reports.autoencoders.anomaly_figures import (
    add_corruptions,
    add_distributions,
    add_processes,
    add_scores,
)
from thesis_reports.autoencoders.anomaly_finders import (
    WITHOUT_MODEL,
    Finder,
    finders_of,
    gain_of,
    in_words,
    once_without_model,
    read_reports,
)
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.page.content import Column, Table
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import number, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.statistics import Difference

FIGURES = ("scores", "distributions", "processes", "corruptions")
_QUESTION = "Does a model that learned from background alone find {signal}, and by which score?"


class Anomaly(Section):
    """`signal` is the process that is looked for."""

    signal: str = "4t"


class AnomalyConfig(ReportConfig):
    """Adds what is looked for."""

    report_name: str = "anomaly_detection"
    anomaly: Anomaly = Anomaly()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Report what the anomaly scores of autoencoders find."""
    config = read_config(cfg, AnomalyConfig)
    signal = config.anomaly.signal
    if signal not in LABELS:
        raise ConfigError(
            "no such process", key="anomaly.signal", found=signal, expected=f"one of {[*LABELS]}"
        )
    with open_report(config, _QUESTION.format(signal=signal), FIGURES) as report:
        reports, left_out = read_reports(report)
        settings = group_by_seed({run: report.configs[run] for run in reports})
        finders = [f for setting in settings for f in finders_of(setting, reports, signal)]
        finders = once_without_model(finders)
        finders.sort(key=lambda finder: -finder.val.mean)
        best = next((f for f in finders if f.score not in WITHOUT_MODEL), None)
        simple = next((f for f in finders if f.score in WITHOUT_MODEL), None)
        runs = best.run_dirs if best else ()
        gain = gain_of(report, runs, best, simple, signal) if best and simple else None

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_what_finds(best, simple, gain, signal))
        report.answer = " ".join(said)
        _add_key_numbers(report, best, simple, gain, signal)
        if finders:
            report.table(_table(finders, signal))
        report.reasons("Runs that did not finish", why_not_finished(report.runs))
        report.reasons("Runs without anomaly scores", left_out)
        learned = [one.get("background") or () for one in reports.values()]
        if any(signal in background or not background for background in learned):
            report.note(f"Some runs learned from {signal} itself: nothing of it is new to them.")
        if best is not None:
            add_scores(report, finders, signal)
            add_distributions(report, runs, best, signal)
            add_processes(report, reports, runs, best, signal)
            add_corruptions(report, reports, runs, best)
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
    text += f". Without any model {in_words(simple.score)} reaches {number(simple.test.mean)}"
    if gain is None:
        return f"{text}."
    ahead = with_uncertainty(gain.value, gain.uncertainty)
    if not gain.is_clear:  # also where the uncertainty is unknown
        return f"{text}: a difference of {ahead}, which may be chance."
    text += f": the model {'adds' if gain.value > 0 else 'loses'} {ahead.lstrip('−')}"
    return f"{text}." if best.test.n > 1 else f"{text} (one run: what seeds do is not known)."


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
        report.key_number("without a model", value, in_words(simple.score))
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
