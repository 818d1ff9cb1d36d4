"""What do pooled embeddings separate? Maps, linear probes, and how alike models are.

Probes and maps are fitted to validation events and judged on test events; each probe stands beside
the same probe of a few event variables, for what these say needs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from pydantic import Field

from thesis_reports.aggregation import Setting, group_by_seed, summarise
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.figures.probe_values import BASELINE
from thesis_reports.overview import runs_overview
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.representations.alignment_grid import align_pairs
from thesis_reports.representations.illustrations import add_cka, add_map, add_probes, add_spectrum
from thesis_reports.representations.probe_groups import (
    SettingProbes,
    baseline_finding,
    dimension_text,
    finding,
    gain,
    gather,
    quantities_of,
    variables_text,
    with_both,
)
from thesis_reports.representations.survey import Limits, Survey, in_turn, survey
from thesis_reports.rounding import counted, number, signed, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.setting_labels import shorten_labels

FIGURES = ("map", "spectrum", "probes", "cka")
QUESTION = "What do pooled embeddings separate?"
AREA = "process, macro AUROC"


class Representations(Section):
    """How much is read.

    `most_runs` are probed and compared, those of the settings that are best on validation first
    and of each setting one after the other. `most_events` of a split are what probes learn from
    and what CKA compares; `most_points` are drawn in the map.
    """

    most_runs: int = Field(24, ge=1)
    most_events: int = Field(10_000, ge=100)
    most_points: int = Field(3_000, ge=1)


class AnalyzeRepresentationsConfig(ReportConfig):
    """Adds how much is read."""

    report_name: str = "analyze_representations"
    representations: Representations = Representations()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Look at the embeddings of all finished runs."""
    config = read_config(cfg, AnalyzeRepresentationsConfig)
    asked = config.representations
    with open_report(config, QUESTION, FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        settings = shorten_labels(group_by_seed(report.configs))
        finished = report.runs.loc[report.runs["status"] == "complete", "run_dir"]
        ordered = _best_first(settings, report.runs, config.rank_by, set(finished))
        limits = Limits(asked.most_runs, asked.most_events, asked.most_points)
        found = survey(report.scores, in_turn(ordered), limits)
        probed = [one for setting in ordered if (one := gather(setting, found.runs))]
        pairs = align_pairs(found.runs)

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_what_is_separated(probed, found))
        report.answer = " ".join(said)
        names = dict(zip(report.runs["run_dir"], report.runs["name"], strict=True))
        _add_key_numbers(report, probed, found)
        if probed:
            report.table(_table(probed, found))
        _add_reasons(report, found, names, asked)
        add_map(report, found, names)
        add_spectrum(report, probed)
        add_probes(report, probed, found)
        fields = add_cka(report, probed, pairs)
        report.summary(
            runs_overview(report.runs, settings, pd.DataFrame(index=report.runs["run_dir"])),
            question=report.question,
            answer=report.answer,
            metric=asdict(metric),
            n_fit=found.n_fit,
            n_judge=found.n_judge,
            settings=[finding(one, found) for one in probed],
            baseline=baseline_finding(found),
            map=None
            if found.plane is None
            else {
                "run": names[found.plane.run_dir],
                "shares": found.plane.shares,
                "between_processes": found.plane.between,
                "between_processes_in_all_dimensions": found.plane.between_in_all,
            },
            cka=[
                {"first": names[a], "second": names[b], "value": one.value, "error": one.error}
                for (a, b), one in pairs.items()
            ],
            cka_of_settings=[
                {"first": a, "second": b, **asdict(one)} for (a, b), one in fields.items()
            ],
            left_out=[{"run": names[run], "reason": reason} for run, reason in found.left_out],
            n_beyond=found.n_beyond,
        )


def _best_first(
    settings: Sequence[Setting], runs: pd.DataFrame, rank_by: str | None, finished: set[str]
) -> list[Setting]:
    """Settings with their finished runs, by the mean on validation; those without one come last."""
    metric = choose_metric(runs, rank_by)
    ranked = summarise(settings, runs, metric)
    best_run = {result.setting.run_dirs: result.best_run for result in ranked}
    order = [result.setting for result in ranked]
    order += [setting for setting in settings if setting.run_dirs not in best_run]
    kept = []
    for setting in order:
        # the best run in front: the first one of all is the one that is mapped
        of_setting = sorted(setting.run_dirs, key=lambda run: run != best_run.get(setting.run_dirs))
        run_dirs = tuple(run for run in of_setting if run in finished)
        if run_dirs:
            kept.append(Setting(setting.label, setting.values, run_dirs))
    return kept


def _what_is_separated(probed: Sequence[SettingProbes], found: Survey) -> str:
    if not probed:
        return "No run has embeddings of its validation and test events."
    first = probed[0]
    where = "" if len(probed) == 1 else f" of {first.label}, the best on validation,"
    group = first.groups.get(AREA)
    if group is None:
        text = f"The embeddings{where} could not be probed for processes."
    else:
        text = f"A linear probe of the embeddings{where} tells the processes of test events apart "
        text += f"with a macro AUROC of {with_both(group, ' (seeds)', ' (events)')}"
        if AREA in found.baseline:
            more = gain(group, found, AREA)
            base = found.baseline[AREA].value
            text += f"; the same probe of {variables_text(found)} alone reaches {number(base, 3)}, "
            text += f"a difference of {signed(more.value, more.error)}"
            if np.isfinite(more.p_value):
                text += f" ({_p_text(more.p_value)})"
                text += "" if more.is_found else ", which chance explains"
        text += "."
    size = len(first.runs[0].shares)
    text += f" Their variance fills {number(first.dimension.mean, 3)} of {size} dimensions."
    return text


def _add_key_numbers(report: Report, probed: Sequence[SettingProbes], found: Survey) -> None:
    if not probed:
        return
    report.key_number("runs", f"{len(found.runs)}", counted(len(probed), "setting"))
    report.key_number("test events", f"{found.n_judge:,}", f"probes learned from {found.n_fit:,}")
    group = probed[0].groups.get(AREA)
    if group is not None:
        report.key_number("probe of process", number(group.mean, 3), "macro AUROC, best setting")
    report.key_number(
        "effective dimension",
        number(probed[0].dimension.mean, 3),
        f"of {len(probed[0].runs[0].shares)}, best setting",
    )


def _table(probed: Sequence[SettingProbes], found: Survey) -> Table:
    quantities = quantities_of(probed, found)
    labels = [one.label for one in probed]
    n_rows = len(labels) + bool(found.baseline)
    extra: list[Any] = [None] * (n_rows - len(labels))
    columns = [
        Column("setting", labels + [f"{BASELINE} alone"] * len(extra)),
        Column("runs", [len(one.runs) for one in probed] + extra, lambda n: f"{int(n)}"),
        Column(
            "dimensions",
            [len(one.runs[0].shares) for one in probed]
            + [len(found.baseline_variables)] * len(extra),
            lambda n: f"{int(n)}",
        ),
        Column(
            "effective dimension",
            [one.dimension.mean for one in probed] + extra,
            texts=[dimension_text(one) for one in probed] + ["–"] * len(extra),
            hint="participation ratio of the covariance spectrum, mean ± sd over runs",
        ),
    ]
    for quantity in quantities:
        groups = [one.groups.get(quantity) for one in probed]
        values: list[Any] = [None if group is None else group.mean for group in groups]
        texts = ["–" if group is None else with_both(group) for group in groups]
        if extra:
            base = found.baseline.get(quantity)
            values.append(None if base is None else base.value)
            error = None if base is None else float(np.linalg.norm(base.influence))
            texts.append("–" if base is None else with_uncertainty(base.value, error))
        columns.append(Column(quantity, values, texts=texts))
    caption = "Linear probes, fitted to validation events and judged on test events. The first ± "
    caption += "is the standard deviation over runs, the last what the test events leave uncertain."
    caption += f" The most frequent process is {100 * found.largest_class:.0f} % of the events."
    if extra:
        caption += f" Event variables are {variables_text(found)}; R² of one is from all others."
    return Table("Settings", columns, caption, highlighted=frozenset({0}))


def _add_reasons(
    report: Report, found: Survey, names: Mapping[str, str], asked: Representations
) -> None:
    report.reasons("Runs that did not finish", why_not_finished(report.runs))
    left_out = [(names[run], reason) for run, reason in found.left_out]
    if found.n_beyond:
        enough = f"representations.most_runs={asked.most_runs} were read already"
        left_out.append((counted(found.n_beyond, "more run"), enough))
    report.reasons("Runs whose embeddings are not shown", left_out)
    if found.runs and not found.baseline:
        report.note(
            "The scores hold fewer than two event variables to probe beside the embeddings: those "
            "of older runs and of autoencoders lack them."
        )
    if found.is_weighted:
        report.note("Events count equally here: their weights are left aside.")
    if found.runs:
        report.note(
            "That a probe learned from these validation events and no others is not counted in "
            "its uncertainty."
        )


def _p_text(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < 0.0001"
