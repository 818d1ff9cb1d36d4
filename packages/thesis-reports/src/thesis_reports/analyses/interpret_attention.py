"""Where does attention look?

Weights are told in units of uniform attention over the tokens that are there, which looks nowhere
in particular; seeds and events both count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from omegaconf import DictConfig
from pydantic import Field

from thesis_facts.errors import ConfigError
from thesis_reports.aggregation import group_by_seed
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.interpretability.attention_differences import (
    SignalDifferences,
    signal_differences,
)
from thesis_reports.interpretability.attention_illustrations import (
    add_by_kind,
    add_entropy,
    add_gates,
    add_lambda,
    add_pooled,
    add_signal,
    clearly_off,
    difference_text,
)
from thesis_reports.interpretability.attention_runs import (
    SettingAttention,
    by_setting,
    gate_label,
    layer_label,
    read_attention,
)
from thesis_reports.interpretability.attention_summary import LOOKED_AT, TOKENS
from thesis_reports.interpretability.epoch_files import files_of, trained
from thesis_reports.interpretability.task_classes import signal_number, task_classes
from thesis_reports.overview import add_runs
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted, signed
from thesis_reports.sentences import how_runs_ended, short
from thesis_reports.statistics import Spread, spread

FIGURES = ("by_kind", "by_layer", "entropy", "pooled", "gates", "lambda", "signal")

_AT_EQUAL = "at equal number of tokens"
_SUMMED = {
    "jets": ("jet",),
    "b-jets": ("b-jet",),
    "leptons": ("e+", "e−", "μ+", "μ−"),
    "MET": ("MET", "MET φ"),
}


class AttentionSection(Section):
    """How attention is told.

    `signal` is the class whose events are compared with all others; null takes the one that holds
    4t, by the config of the runs. `fewest_events` must have a pair of kinds, and of both classes,
    for it to be told.
    """

    signal: str | None = None
    fewest_events: int = Field(20, ge=1)


class InterpretAttentionConfig(ReportConfig):
    """Adds how attention is told."""

    report_name: str = "interpret_attention"
    attention: AttentionSection = AttentionSection()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Look at where attention looks."""
    config = read_config(cfg, InterpretAttentionConfig)
    with open_report(config, "Where does attention look?", FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        settings = group_by_seed(report.configs)
        found, left_out = read_attention(report.runs, report.configs)
        report.also_read += files_of(trained(report.runs)["run_dir"])
        fewest = config.attention.fewest_events
        groups = by_setting(settings, found, report.runs, metric, fewest)
        signals = [_signal(config.attention.signal, group, report) for group in groups]
        differences = [
            signal_differences(group, signal[0]) if signal else SignalDifferences()
            for group, signal in zip(groups, signals, strict=True)
        ]
        signal = signals[0][1] if signals and signals[0] else None

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_answer(groups, differences, signal))
        report.answer = " ".join(said)
        if groups:
            _add_key_numbers(report, groups, differences[0], signal)
            report.table(_table(groups, differences, signal))
        overview = add_runs(report, settings, metric)
        report.reasons("Runs without attention to look at", left_out)
        if groups:
            _add_notes(report, groups[0])
            looks = groups[0].looks()
            if looks:
                add_by_kind(report, groups[0], looks)
            else:
                report.not_drawn(
                    "by_kind", "Who looks at whom", "Too few events have a pair of kinds."
                )
                report.not_drawn(
                    "by_layer", "Who looks at whom", "Too few events have a pair of kinds."
                )
            add_entropy(report, groups[0])
            add_pooled(report, groups[0])
            add_gates(report, groups)
            add_lambda(report, groups)
            add_signal(report, groups[0], differences[0], signal)
        report.summary(
            overview,
            question=report.question,
            answer=report.answer,
            signal=signal,
            settings=[_finding(group, one) for group, one in zip(groups, differences, strict=True)],
            left_out=[{"run_dir": run, "reason": reason} for run, reason in left_out],
        )


def _signal(wanted: str | None, group: SettingAttention, report: Report) -> tuple[int, str] | None:
    """Number and name of the class that is compared with all others; None where unknown."""
    run_dir = {
        name: run for run, name in zip(report.runs["run_dir"], report.runs["name"], strict=True)
    }
    classes = task_classes(report.configs.get(run_dir[group.runs[0].name], {}))
    names = [one.name for one in classes]
    if wanted is None:
        number = signal_number(classes)
        return None if number is None else (number, names[number])
    if names and wanted not in names:
        raise ConfigError(
            "no such class", key="attention.signal", found=wanted, expected=f"one of {names}"
        )
    return (names.index(wanted), wanted) if names else None


def _answer(
    groups: Sequence[SettingAttention],
    differences: Sequence[SignalDifferences],
    signal: str | None,
) -> str:
    if not groups:
        return "No run has maps of its attention that were written while it trained."
    group = groups[0]
    n_seeds = counted(len(group.runs), "seed")
    who = f"With {group.label} (best on validation, {n_seeds})"
    who = who if len(groups) > 1 else f"Over {n_seeds}"
    text = f"{who} attention has {short(group.mean_entropy())} of the entropy of uniform attention."
    looks = group.looks()
    if looks:
        text += f" {clearly_off(looks)}"
    row = differences[0].of("b-jet")
    if row is not None and signal is not None:
        verdict = "differs" if row.is_found else "does not differ clearly"
        text += f" What b-jets get {verdict} between {signal} and other events {_AT_EQUAL}: "
        text += f"{difference_text(row)}."
    return text


def _add_key_numbers(
    report: Report,
    groups: Sequence[SettingAttention],
    differences: SignalDifferences,
    signal: str | None,
) -> None:
    group = groups[0]
    n_runs = sum(len(one.runs) for one in groups)
    n_events = len(group.runs[0].attention.label)
    report.key_number("runs", f"{n_runs}", f"{n_events:,} validation events each")
    report.key_number("to b-jets", short(group.received("b-jet")), "all tokens; 1 is uniform")
    row = differences.of("b-jet")
    if row is not None:
        note = f"to b-jets, minus other events, {_AT_EQUAL}"
        report.key_number(f"in {signal} events", signed(row.difference, row.error), note)


def _table(
    groups: Sequence[SettingAttention],
    differences: Sequence[SignalDifferences],
    signal: str | None,
) -> Table:
    def column(label: str, spreads: Sequence[Spread], hint: str = "") -> Column:
        means = [one.mean for one in spreads]
        return Column(label, means, texts=[short(one) for one in spreads], hint=hint)

    columns = [
        Column("setting", [group.label for group in groups]),
        Column("seeds", [len(group.runs) for group in groups], lambda n: f"{int(n)}"),
        column("entropy", [group.mean_entropy() for group in groups], "1 is uniform"),
    ]
    for label, keys in _SUMMED.items():
        received = [group.received_by(keys) for group in groups]
        if any(np.isfinite(one.mean) for one in received):
            columns.append(column(f"to {label}", received, f"mean of {', '.join(keys)}"))
    b_jets = [one.of("b-jet") for one in differences]
    if any(b_jets):
        columns += [
            Column(
                f"b-jets in {signal}",
                [row.difference if row else None for row in b_jets],
                texts=[signed(row.difference, row.error) if row else "–" for row in b_jets],
                hint=f"what b-jets get, minus in other events, {_AT_EQUAL}; ± events and seeds",
            ),
            Column(
                "p (Holm)",
                [row.p_holm if row else None for row in b_jets],
                lambda p: "< 0.0001" if p < 1e-4 else f"{p:.2g}",
                hint="corrected for the number of kinds",
            ),
        ]
    return Table(
        "Settings",
        columns,
        "What tokens of all kinds look at, over all layers and heads, in units of uniform "
        "attention; mean ± standard deviation over seeds. The best setting on validation comes "
        "first.",
    )


def _add_notes(report: Report, group: SettingAttention) -> None:
    report.note("Weights say where a layer reads from, not what decides about an event.")
    if group.runs[0].attention.n_softmaxes == 2:
        report.note(
            "Differential attention: weights are (first − λ second) / (1 − λ), which may be "
            "negative; entropies are those of each softmax."
        )
    if not group.has_same_events:
        report.note(
            "Runs were looked at on different events: what each kind gets in signal events is not "
            "compared."
        )
    if len(group.runs) == 1:
        report.note(f"{group.label} has a single run: what seeds do is not counted.")


def _finding(group: SettingAttention, differences: SignalDifferences) -> dict[str, Any]:
    """The numbers of a setting."""
    received = {key: group.received(key) for key in LOOKED_AT}
    return {
        "setting": group.label,
        "n_seeds": len(group.runs),
        "layers": group.layers,
        "tokens": list(TOKENS),
        "looked_at": list(LOOKED_AT),
        "ratios": group.ratios[:, 0].mean(0).tolist(),
        "errors": group.errors.tolist(),
        "entropy": asdict(group.mean_entropy()),
        "received": {key: asdict(one) for key, one in received.items() if one.n},
        "looks": [
            {
                "query": look.query,
                "key": look.key,
                "ratio": look.ratio.mean,
                "error": look.error,
                "p_holm": look.p_holm,
            }
            for look in group.looks()
        ],
        "differences": [asdict(row) for row in differences.rows],
        "unadjusted_differences": [asdict(row) for row in differences.unadjusted],
        "mean_tokens": dict(zip(("signal", "others"), differences.n_tokens, strict=True)),
        "gates": _last(group, "gates", gate_label),
        "lambdas": _last(group, "lambdas", layer_label),
        "runs": [{"name": one.name, "epoch": one.epoch + 1} for one in group.runs],
    }


def _last(group: SettingAttention, what: str, label: Any) -> dict[str, dict[str, Any]]:
    """Values at the epoch of the maps, by name."""
    names = dict.fromkeys(name for one in group.runs for name in getattr(one, what))
    return {
        label(name): asdict(
            spread([getattr(one, what).get(name, {}).get(one.epoch, np.nan) for one in group.runs])
        )
        for name in names
    }
