"""What did the embedding of object ids learn?

Vectors start at random, and random directions have cosines too: about 1/√d. So what the cosines
are is told beside what chance gives, and beside what training changed in them. The first file is
written after the first epoch: what that epoch changed can't be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig

from thesis_reports.aggregation import group_by_seed
from thesis_reports.config import ReportConfig, read_config
from thesis_reports.interpretability import embedding_geometry as geometry
from thesis_reports.interpretability.embedding_geometry import LEPTONS, OBJECTS
from thesis_reports.interpretability.embedding_illustrations import (
    add_change,
    add_cosine_epochs,
    add_cosines,
    add_norms,
    add_plane,
)
from thesis_reports.interpretability.epoch_files import files_of, trained
from thesis_reports.interpretability.pid_embeddings import (
    Embedding,
    Pair,
    by_setting,
    pairs_of,
    read_embeddings,
    start_alike,
)
from thesis_reports.overview import add_runs
from thesis_reports.page.content import Column, Table
from thesis_reports.ranking import choose_metric
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import counted
from thesis_reports.sentences import how_runs_ended, short
from thesis_reports.statistics import Spread, spread

FIGURES = ("cosine", "change", "cosine_epochs", "pca", "norms")


class PidEmbeddingsConfig(ReportConfig):
    """Nothing of its own; `inputs.select` narrows the runs."""

    report_name: str = "analyze_pid_embeddings"


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Look at the vectors of object ids."""
    config = read_config(cfg, PidEmbeddingsConfig)
    question = "What did the embedding of object ids learn?"
    with open_report(config, question, FIGURES) as report:
        metric = choose_metric(report.runs, config.rank_by)
        settings = group_by_seed(report.configs)
        found, left_out = read_embeddings(report.runs, report.configs)
        report.also_read += files_of(trained(report.runs)["run_dir"])
        by_label = by_setting(settings, found, report.runs, metric)
        groups = list(by_label.values())
        pairs = pairs_of(groups[0]) if groups else []

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_answer(pairs, by_label))
        report.answer = " ".join(said)
        if groups:
            _add_key_numbers(report, pairs, groups)
            report.table(_table(pairs, by_label))
        overview = add_runs(report, settings, metric)
        report.reasons("Runs without an embedding to look at", left_out)
        if start_alike(groups):
            report.note(
                "Runs of different settings with the same seed had nearly the same vectors after "
                "the first epoch, for they began alike: that their cosines agree is no evidence."
            )
        if groups:
            label = next(iter(by_label))
            add_cosines(report, pairs, by_label)
            add_change(report, pairs, by_label)
            add_cosine_epochs(report, label, groups[0])
            add_plane(report, groups[0], metric)
            add_norms(report, label, groups[0])
        report.summary(
            overview,
            question=report.question,
            answer=report.answer,
            kinds=list(OBJECTS),
            settings=[_finding(label, group) for label, group in by_label.items()],
            left_out=[{"run_dir": run, "reason": reason} for run, reason in left_out],
        )


def _answer(pairs: Sequence[Pair], by_label: Mapping[str, Sequence[Embedding]]) -> str:
    if not pairs:
        return "No run has learned vectors of object ids that were written while it trained."
    label, group = next(iter(by_label.items()))
    noise = geometry.chance(group[0].dimension, len(group))
    alike, unlike = pairs[0], pairs[-1]
    n_seeds = counted(len(group), "seed")
    who = (
        f"With {label} (best on validation, {n_seeds})" if len(by_label) > 1 else f"Over {n_seeds}"
    )
    text = f"{who} " + (
        f"{alike.name} are most alike, cosine {short(alike.cosine)}, and {unlike.name} most "
        f"unlike, {short(unlike.cosine)}"
    )
    n_found = sum(pair.is_found for pair in pairs)
    against = f"random directions of dimension {group[0].dimension} scatter by {noise:.2f} in "
    against += f"the mean of {counted(len(group), 'seed')}" if len(group) > 1 else "a single seed"
    if n_found:
        text += f"; {n_found} of {counted(len(pairs), 'pair')} are beyond chance ({against})."
    else:
        text += f", but no pair is beyond chance: {against}."
    return f"{text} {_what_changed(pairs, group)}"


def _what_changed(pairs: Sequence[Pair], group: Sequence[Embedding]) -> str:
    """How far training moved the vectors, and which pair most."""
    if any(len(one.history) < 2 for one in group):
        return "With a single epoch at hand, what training changed is unknown."
    angle = spread([geometry.turned(one.first, one.vectors) for one in group])
    most = max(pairs, key=lambda pair: abs(pair.change.mean))
    closer = "closer together" if most.change.mean > 0 else "further apart"
    text = f"From after the first epoch to the best the vectors turned by {short(angle, 2)}° in "
    text += "the mean"
    text += f"; no pair changed more than {most.name}, {closer} by "
    text += f"{short(Spread(abs(most.change.mean), most.change.sd, most.change.n), 2)}."
    leptons = spread([np.mean([one.change[pair] for pair in LEPTONS]) for one in group])
    text += f" The six pairs of leptons changed by {short(leptons, 2)} in their mean."
    if angle.mean < 15:
        text += " So the cosines are mostly those that the vectors had after the first epoch, and "
        text += "say little of what was learned later; what the first epoch did is not on file."
    return text


def _add_key_numbers(
    report: Report, pairs: Sequence[Pair], groups: Sequence[Sequence[Embedding]]
) -> None:
    group = groups[0]
    n_runs = sum(len(one) for one in groups)
    report.key_number("runs", f"{n_runs}", f"{counted(len(groups), 'setting')} with an embedding")
    n_found = sum(pair.is_found for pair in pairs)
    report.key_number("beyond chance", f"{n_found} of {len(pairs)}", "pairs, Holm's correction")
    angle = spread([geometry.turned(one.first, one.vectors) for one in group])
    report.key_number(
        "turned", f"{short(angle, 2)}°", "since after the first epoch, mean of all kinds"
    )


def _table(pairs: Sequence[Pair], by_label: Mapping[str, Sequence[Embedding]]) -> Table:
    label, group = next(iter(by_label.items()))
    noise = geometry.chance(group[0].dimension, len(group))
    columns = [
        Column("pair", [pair.name for pair in pairs]),
        Column(
            "cosine",
            [pair.cosine.mean for pair in pairs],
            texts=[short(pair.cosine) for pair in pairs],
            hint="mean ± standard deviation over seeds, at the best epoch",
        ),
        Column("seeds", [pair.cosine.n for pair in pairs], lambda n: f"{int(n)}"),
        Column(
            "p (Holm)",
            [pair.p_holm for pair in pairs],
            lambda p: "< 0.0001" if p < 1e-4 else f"{p:.2g}",
            hint="of random directions, corrected for the number of pairs",
        ),
        Column(
            "change",
            [pair.change.mean for pair in pairs],
            texts=[short(pair.change) for pair in pairs],
            hint="of the cosine since after the first epoch, mean ± standard deviation over seeds",
        ),
    ]
    return Table(
        f"Pairs of kinds, {label}",
        columns,
        f"Cosines of random directions of dimension {group[0].dimension} scatter by "
        f"{geometry.chance(group[0].dimension):.2f} (1/√d), their mean over "
        f"{counted(len(group), 'seed')} by {noise:.2f}; rows in red are beyond that at 5 %.",
        highlighted=frozenset(k for k, pair in enumerate(pairs) if pair.is_found),
        sorted_by=("cosine", "descending"),
    )


def _finding(label: str, group: Sequence[Embedding]) -> dict[str, Any]:
    """The numbers of a setting."""
    pairs = pairs_of(group)
    leptons = spread([np.mean([one.change[pair] for pair in LEPTONS]) for one in group])
    angles = spread([geometry.turned(one.first, one.vectors) for one in group])
    return {
        "setting": label,
        "n_seeds": len(group),
        "dimension": group[0].dimension,
        "chance": geometry.chance(group[0].dimension, len(group)),
        "leptons_change": {"mean": leptons.mean, "sd": leptons.sd},
        "turned_degrees": {"mean": angles.mean, "sd": angles.sd},
        "pairs": [
            {
                "pair": pair.name,
                "mean": pair.cosine.mean,
                "sd": pair.cosine.sd,
                "p_holm": pair.p_holm,
                "change": pair.change.mean,
                "change_sd": pair.change.sd,
            }
            for pair in pairs
        ],
        "runs": [{"name": one.row["name"], "epoch": one.epoch + 1} for one in group],
    }
