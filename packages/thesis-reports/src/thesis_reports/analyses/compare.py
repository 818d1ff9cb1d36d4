"""How does a metric depend on one or two axes, and which differences are more than chance?

Groups of runs are compared on a split that chose nothing, with seeds and events both counted, and
with Holm's correction for their number; the page says what could have been found at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from omegaconf import DictConfig
from pydantic import Field

from thesis_facts.errors import ConfigError
from thesis_reports.aggregation import group_by_seed
from thesis_reports.comparison import Comparison, Group, chance_in, compare_with
from thesis_reports.comparison_columns import chance_columns
from thesis_reports.comparison_figures import add_differences, add_grid, add_groups, add_times
from thesis_reports.config import ReportConfig, Section, Strings, read_config
from thesis_reports.groups import AxisGroup, Judged, group_by_axes, judge, none_judged
from thesis_reports.naming import value_text
from thesis_reports.overview import add_runs
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import Metric, choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted, number, signed, with_uncertainty
from thesis_reports.sentences import how_runs_ended
from thesis_reports.statistics import spread

FIGURES = ("groups", "differences", "grid", "time")


class Compare(Section):
    """What is compared.

    `axes` are names of what was varied, as the table of runs shows them, or other columns of
    ``thesis_facts.load_runs`` such as ``variant``; none means all that was varied.
    `base` is the group that all others are compared with, by its label or by its value on a single
    axis; null takes the best on the validation split. `signal` is the class that AUROC tells from
    all others; null takes the second of two classes, or the mean over all of them.
    """

    axes: Strings = Field(default_factory=list)
    base: str | None = None
    split: Literal["train", "val", "test"] = "test"
    signal: str | None = None


class CompareConfig(ReportConfig):
    """Adds what is compared."""

    report_name: str = "compare"
    compare: Compare = Compare()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Compare the groups of a sweep."""
    config = read_config(cfg, CompareConfig)
    asked = config.compare
    with open_report(config, _question(asked), FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        settings = group_by_seed(report.configs)
        axis_groups = group_by_axes(settings, report.runs, asked.axes)
        judged = judge(axis_groups, report.runs, report.scores, metric, asked.split, asked.signal)
        by_val = judged
        if asked.split != "val":
            by_val = judge(axis_groups, report.runs, report.scores, metric, "val", asked.signal)
        base = _find_base(asked.base, axis_groups, judged, by_val, metric)
        others = [group for group in judged.groups if group is not base]
        n_groups = len(judged.groups)
        n_tests = n_groups * (n_groups - 1) // 2 if asked.base is None else None
        rows = compare_with(base, others, n_tests) if base is not None else []
        rows.sort(key=lambda row: row.difference, reverse=metric.higher_is_better)

        said = [how_runs_ended(report.runs, len(report.skipped))]
        if base is not None:
            said.append(_what_differs(rows, base, metric, asked.split))
        else:
            said.append(none_judged(metric, asked.split, by_val, "compare.split"))
        report.answer = " ".join(said)
        _add_key_numbers(report, rows, judged)
        if base is not None:
            report.table(_table(rows, base, by_val, judged, metric, asked.split))
        overview = add_runs(report, settings, metric)
        report.reasons("Runs that are not compared", judged.left_out)
        if judged.groups and not judged.n_events:
            report.note(
                f"Of {metric.label} only the recorded values are at hand: what chance in the "
                "events does to them is not counted."
            )
        if rows and asked.base is None:
            report.note(
                f"{base.name if base else ''} was chosen by what it reached on the validation "
                f"split, so p is corrected for all {n_tests} pairs; compare.base=… names a base "
                "beforehand."
            )
        if metric.name == "auroc" and asked.signal is None:
            report.note(
                "AUROC is that of the second of two classes; of more, the mean over all of them, "
                "each against the rest. compare.signal=… names one."
            )
        if rows and all(len(group.values) < 2 for group in judged.groups):
            report.note("No group has two runs: what seeds do is not counted.")
        quantity = f"{asked.split} {metric.label}"
        if base is not None:
            add_groups(report, judged.groups, metric, quantity)
            add_differences(report, rows, base, quantity, with_events=judged.n_events > 0)
            if len(asked.axes) == 2:
                add_grid(report, axis_groups, judged.groups, metric, quantity)
        add_times(report, axis_groups, metric)
        report.summary(
            overview,
            question=report.question,
            answer=report.answer,
            split=asked.split,
            metric=asdict(metric),
            base=base.name if base else None,
            n_events=judged.n_events,
            groups=[
                {"label": g.name, "mean": g.mean, "values": g.values.tolist()}
                for g in judged.groups
            ],
            comparisons=[asdict(row) for row in rows],
            left_out=[{"run_dir": run, "reason": reason} for run, reason in judged.left_out],
        )


def _question(asked: Compare) -> str:
    axes = " and ".join(asked.axes) or "what was varied"
    return f"Which differences by {axes} are more than chance?"


def _find_base(
    wanted: str | None,
    groups: Sequence[AxisGroup],
    judged: Judged,
    by_val: Judged,
    metric: Metric,
) -> Group | None:
    by_name = {group.name: group for group in judged.groups}
    if not by_name:
        return None
    if wanted is None:
        chosen = [group for group in by_val.groups if group.name in by_name] or judged.groups
        sign = 1 if metric.higher_is_better else -1
        return by_name[max(chosen, key=lambda group: sign * group.mean).name]
    for group in groups:
        values = [value_text(value) for value in group.values.values()]
        if group.label in by_name and wanted in (group.label, ", ".join(values)):
            return by_name[group.label]
    raise ConfigError(
        "no such group",
        key="compare.base",
        found=wanted,
        expected=f"one of {'; '.join(by_name)}",
    )


def _what_differs(rows: Sequence[Comparison], base: Group, metric: Metric, split: str) -> str:
    """The differences that stand, in a sentence or two."""
    if not rows:
        return f"There is only one group to judge on the {split} split, {base.name}."
    found = [row for row in rows if row.is_found]
    reach = [row.detectable for row in rows if np.isfinite(row.detectable)]
    where = f"On the {split} split"
    if not any(np.isfinite(row.p_value) for row in rows):
        text = f"{where} nothing is known of chance in {metric.label}: one run each, no scores."
    elif not found:
        text = f"{where} none of {counted(len(rows), 'group')} differs from {base.name} in "
        text += f"{metric.label} by more than {chance_in(rows)}."
    else:
        named = [f"{row.name} by {signed(row.difference, row.error)}" for row in found[:4]]
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        text = f"{where} {len(found)} of {counted(len(rows), 'group')} differ from {base.name} in "
        text += f"{metric.label} by more than {chance_in(rows)}: {'; '.join(named)}{more}."
    if reach:
        text += (
            f" Differences of {number(float(np.median(reach)), 2)} would have been found in four "
        )
        text += f"cases of five, before correction (median of {len(reach)})."
    return text


def _add_key_numbers(report: Report, rows: Sequence[Comparison], judged: Judged) -> None:
    if not judged.groups:
        return
    n_runs = sum(len(group.values) for group in judged.groups)
    report.key_number("groups", f"{len(judged.groups)}", f"{counted(n_runs, 'run')} judged")
    if judged.n_events:
        report.key_number("events", f"{judged.n_events:,}", "the same for all")
    if rows:
        found, known = sum(row.is_found for row in rows), sum(row.p_value >= 0 for row in rows)
        report.key_number("more than chance", f"{found} of {known}", "Holm's correction, 5 %")


def _table(
    rows: Sequence[Comparison],
    base: Group,
    by_val: Judged,
    judged: Judged,
    metric: Metric,
    split: str,
) -> Table:
    val = {group.name: spread(group.values) for group in by_val.groups}
    on_split = {group.name: spread(group.values) for group in judged.groups}
    names = [base.name, *(row.name for row in rows)]
    missing: list[float | None] = [None]
    columns = [
        Column("group", names),
        Column("runs", [on_split[name].n for name in names], lambda n: f"{int(n)}"),
    ]
    for label, of_split in (("val", val), (split, on_split)):
        if label == "val" and split == "val":
            continue
        known = [of_split.get(name) for name in names]
        columns.append(
            Column(
                f"{label} {metric.label}",
                [one.mean if one else None for one in known],
                texts=[with_uncertainty(one.mean, one.sd) if one else "–" for one in known],
                hint="mean ± standard deviation over runs",
            )
        )
    columns += [
        Column("minus base", missing + [row.difference for row in rows], _plus),
        *chance_columns(
            [None, *rows], "the number of comparisons", with_events=judged.n_events > 0
        ),
    ]
    found = frozenset(i + 1 for i, row in enumerate(rows) if row.is_found)
    return Table(
        f"Groups beside {base.name}",
        columns,
        f"The base comes first. Differences are of means on the {split} split; ± events is what "
        "the shared events leave uncertain, ± seeds what seeds do (of a single run, the spread of "
        "all others). Rows in red differ by more than chance.",
        highlighted=found,
    )


def _plus(value: float) -> str:
    return number(value, 3) if value < 0 else f"+{number(value, 3)}"
