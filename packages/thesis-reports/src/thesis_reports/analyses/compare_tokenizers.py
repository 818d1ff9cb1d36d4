"""All of each object, a few numbers, or one code: what do tokens keep, at what price?

The error of the reconstruction stands beside the bits that are kept of an event and the time that
training took. Tokenizers are chosen on the validation split and judged on the test split, on the
same events, with seeds and events both counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import pandas as pd
from omegaconf import DictConfig
from pydantic import Field

from thesis_reports.aggregation import Setting, group_by_seed
from thesis_reports.autoencoders.event_errors import check_error, error_named, names_of, read_errors
from thesis_reports.autoencoders.latent_spaces import (
    latent_names,
    with_named_latents,
    without_autoencoder,
)
from thesis_reports.autoencoders.tokenizer_figures import (
    add_error_time,
    add_pareto,
    add_perplexity,
    add_throughput,
    add_time_to_threshold,
)
from thesis_reports.autoencoders.tokenizer_sentences import what_is_kept
from thesis_reports.autoencoders.tokenizer_tables import price_table, time_table
from thesis_reports.autoencoders.tokenizers import Tokenizer, find_tokenizers
from thesis_reports.comparison import Comparison, compare_with
from thesis_reports.config import ReportConfig, Section, Strings, Thresholds, read_config
from thesis_reports.figures.pareto import pareto_front
from thesis_reports.groups import AxisGroup, group_by_axes
from thesis_reports.overview import runs_overview, runs_table
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import number, with_uncertainty
from thesis_reports.sentences import how_runs_ended, why_not_finished
from thesis_reports.statistics import spread
from thesis_reports.thresholds import times_to_thresholds

FIGURES = ("pareto", "error_time", "perplexity", "throughput", "time_to_threshold")
_QUESTION = "What do tokens keep of an event ({metric}), and at what price?"
_ASSUMPTIONS = (
    "Bits per event are those of what the decoder is given of each object, times the mean number "
    "of objects: log2 of the size of the codebook for a code, 32 for each number otherwise. "
    "Momenta, ids and MET are all reconstructed from them. Not counted are the number of objects, "
    "which every decoder is told, and the model itself. Fewer than 32 bits of a number may do "
    "nearly as well, so what a codebook saves is an upper limit. An ideal coder of codes needs "
    "log2 of their perplexity, if it codes each object by itself."
)


class Tokenizers(Section):
    """What is compared.

    `axes` are names of what was varied, or columns of ``thesis_facts.load_runs``, or
    ``latent_space``; none means ``variant`` where it tells all settings apart, else all that was
    varied. `metric` is an error, smaller where more is kept.
    """

    axes: Strings = Field(default_factory=list)
    metric: str = "rec_tokens"
    split: Literal["val", "test"] = "test"


class TokenizersConfig(ReportConfig):
    """Adds what is compared; thresholds are reached from above unless they say otherwise."""

    report_name: str = "compare_tokenizers"
    tokenizers: Tokenizers = Tokenizers()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Compare the tokenizers of autoencoders."""
    config = read_config(cfg, TokenizersConfig)
    asked = config.tokenizers
    with open_report(config, _QUESTION.format(metric=asked.metric), FIGURES) as report:
        latents = latent_names(report.configs)
        runs = report.runs[report.runs["run_dir"].isin(latents)] if latents else report.runs[:0]
        check_error(runs, asked.metric, "tokenizers.metric")
        settings = group_by_seed(with_named_latents(report.configs, latents))
        groups = _groups(settings, runs, report.configs, latents, asked.axes)
        judged = read_errors(groups, runs, report.scores, [asked.metric], asked.split)
        by_val = judged
        if asked.split != "val":
            by_val = read_errors(groups, runs, report.scores, [asked.metric], "val")
        epochs = report.epochs[report.epochs["run_dir"].isin(latents)]
        found = find_tokenizers(groups, runs, epochs, report.configs, asked.metric, judged, by_val)
        rows = _compare(found, found[0]) if found else {}
        vq = next((one for one in found if one.has_codebook), None)
        against = _compare(found, vq) if vq is not None else {}
        front = _front(found)
        times = times_to_thresholds(epochs, _from_above(config.thresholds))

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(what_is_kept(found, rows, vq, against, (asked.metric, asked.split)))
        report.answer = " ".join(said)
        _add_key_numbers(report, found, rows, vq, asked)
        if found:
            report.table(price_table(found, rows, asked.metric, asked.split))
            report.table(time_table(found, times))
        overview = runs_overview(report.runs, settings, times)
        metric = error_named(asked.metric)
        if len(runs):
            shown = overview[overview["run_dir"].isin(latents)]
            report.table(runs_table(shown, settings, metric, None, list(times)))
        report.reasons("Runs that did not finish", why_not_finished(report.runs))
        names = dict(zip(report.runs["run_dir"], report.runs["name"], strict=True))
        left_out = without_autoencoder(report.runs, report.configs)
        left_out += names_of(judged.left_out.get(asked.metric, []), names)
        report.reasons("Runs that are not compared", left_out)
        _add_notes(report, found, runs, judged.n_events, asked)
        labels = {run: group.label for group in groups for run in group.run_dirs}
        if found:
            add_pareto(report, found, front, asked.metric, asked.split)
            order = [one.label for one in found]
            add_error_time(report, epochs, labels, order, asked.metric)
            add_perplexity(report, epochs, labels, found)
            add_throughput(report, found)
            add_time_to_threshold(report, found, times)
        report.summary(
            _per_run(overview, labels, found, judged.of_run.get(asked.metric, {})),
            question=report.question,
            answer=report.answer,
            metric=asdict(metric),
            split=asked.split,
            n_events=judged.n_events,
            tokenizers=[
                _as_data(one, is_on_front) for one, is_on_front in zip(found, front, strict=True)
            ],
            comparisons=[asdict(row) for row in rows.values()],
            codebook=vq.label if vq else None,
            codebook_comparisons=[asdict(row) for row in against.values()],
            left_out=[{"run": run, "reason": reason} for run, reason in left_out],
        )


def _groups(
    settings: Sequence[Setting],
    runs: pd.DataFrame,
    configs: Mapping[str, Mapping[str, Any]],
    latents: Mapping[str, str],
    axes: Sequence[str],
) -> list[AxisGroup]:
    if axes:
        runs = runs.assign(latent_space=runs["run_dir"].map(latents))
        varied = group_by_seed({run: configs[run] for run in latents})
        return group_by_axes(varied, runs, axes, key="tokenizers.axes")
    groups = group_by_axes(settings, runs, [])
    if "variant" not in runs:
        return groups
    variant = runs.set_index("run_dir")["variant"].fillna("")
    names = [variant.reindex(list(group.run_dirs)).unique() for group in groups]
    chosen = [str(of_group[0]) for of_group in names if len(of_group) == 1 and of_group[0]]
    if len(set(chosen)) < len(groups):
        return groups
    return [AxisGroup(name, g.values, g.run_dirs) for name, g in zip(chosen, groups, strict=True)]


def _from_above(thresholds: Thresholds) -> Thresholds:
    # errors fall, whatever their names
    return thresholds.model_copy(update={"comparison": thresholds.comparison or "le"})


def _compare(found: Sequence[Tokenizer], base: Tokenizer) -> dict[str, Comparison]:
    """The others minus the base, by label; corrected for all pairs, for the base was chosen."""
    n = len(found)
    others = [one.test for one in found if one is not base]
    rows = compare_with(base.test, others, n * (n - 1) // 2)
    return {row.name: row for row in rows}


def _front(found: Sequence[Tokenizer]) -> list[bool]:
    """On the validation split: what the test split says of the front chose nothing."""
    return pareto_front([one.mean_bits for one in found], [one.val.mean for one in found])


def _add_key_numbers(
    report: Report,
    found: Sequence[Tokenizer],
    rows: Mapping[str, Comparison],
    vq: Tokenizer | None,
    asked: Tokenizers,
) -> None:
    if not found:
        return
    best = found[0]
    value = spread(best.test.values)
    of_runs = f", ± {number(value.sd, 2)} over {value.n} seeds" if value.n > 1 else ""
    report.key_number(
        f"{asked.split} {asked.metric}", number(value.mean, 3), f"{best.label}{of_runs}"
    )
    report.key_number("its bits per event", number(best.mean_bits, 3), "as kept")
    if vq is not None and vq is not best:
        row = rows[vq.label]
        paid = with_uncertainty(row.difference, row.error)
        report.key_number(f"{vq.label} minus that", paid, "± seeds and events")
    if vq is not None:
        ideal = number(vq.ideal_bits.mean, 3)
        report.key_number(
            "bits with a codebook", number(vq.mean_bits, 3), f"{ideal} for an ideal coder"
        )


def _add_notes(
    report: Report,
    found: Sequence[Tokenizer],
    runs: pd.DataFrame,
    n_events: int,
    asked: Tokenizers,
) -> None:
    if not found:
        return
    report.note(_ASSUMPTIONS)
    if not n_events:
        report.note(
            f"Of {asked.metric} only the recorded values are at hand: what chance in the events "
            "does to them is not counted, and bits per event are unknown."
        )
    if len(found) > 1:
        n = len(found)
        report.note(
            f"{found[0].label} was chosen by what it reached on the validation split, so p is "
            f"corrected for all {n * (n - 1) // 2} pairs."
        )
    if all(len(one.run_dirs) < 2 for one in found):
        report.note("No tokenizer has two runs: what seeds do is not counted.")
    learned = [_background(report.configs[run]) for run in runs["run_dir"]]
    if any(learned):
        report.note(
            f"Some runs learned from a part of the processes; {asked.metric} counts the events of "
            "all."
        )


def _background(config: Mapping[str, Any]) -> object:
    anomaly = config["phase1"].get("anomaly")
    return anomaly.get("background") if isinstance(anomaly, Mapping) else None


def _as_data(one: Tokenizer, is_on_front: bool) -> dict[str, Any]:
    return {
        "label": one.label,
        "runs": list(one.run_dirs),
        "values": one.test.values.tolist(),
        "mean": one.test.mean,
        "val": asdict(one.val),
        "bits_per_event": one.mean_bits,
        "ideal_bits_per_event": asdict(one.ideal_bits),
        "input_bits_per_event": one.input_bits,
        "perplexity": asdict(one.perplexity),
        "codes_used": asdict(one.codes_used),
        "throughput": asdict(one.throughput),
        "training_seconds": asdict(one.seconds),
        "on_front": is_on_front,
    }


def _per_run(
    overview: pd.DataFrame,
    labels: Mapping[str, str],
    found: Sequence[Tokenizer],
    errors: Mapping[str, float],
) -> pd.DataFrame:
    bits = {
        run: float(value)
        for one in found
        for run, value in zip(one.run_dirs, one.bits, strict=True)
    }
    return overview.assign(
        tokenizer=overview["run_dir"].map(labels),
        judged_error=overview["run_dir"].map(errors),
        bits_per_event=overview["run_dir"].map(bits),
    )
