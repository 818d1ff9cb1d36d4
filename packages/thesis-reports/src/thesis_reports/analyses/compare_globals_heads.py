"""Does it help, or harm, to reconstruct MET from the objects, and how much of it do they know?

Heads of different weight stand beside models without one: what they say of MET, and what that costs
of the momenta. All are judged on the same events, with seeds and events both counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from omegaconf import DictConfig

from thesis_reports.aggregation import group_by_seed
from thesis_reports.autoencoders.event_errors import (
    EventErrors,
    check_error,
    error_named,
    names_of,
    read_errors,
)
from thesis_reports.autoencoders.head_figures import add_globals, add_grid, add_trade
from thesis_reports.autoencoders.head_results import HeadResult, best_head, head_results, lead_of
from thesis_reports.autoencoders.latent_spaces import (
    latent_names,
    with_named_latents,
    without_autoencoder,
)
from thesis_reports.autoencoders.met_heads import HeadGroup, head_groups
from thesis_reports.comparison import Comparison
from thesis_reports.comparison_columns import difference_columns, spread_column
from thesis_reports.config import ReportConfig, Section, read_config
from thesis_reports.overview import runs_overview, runs_table
from thesis_reports.page.content import Column, Table
from thesis_reports.report import Report, open_report
from thesis_reports.rounding import with_uncertainty
from thesis_reports.sentences import how_runs_ended, spread_text, why_not_finished
from thesis_reports.statistics import spread
from thesis_reports.thresholds import times_to_thresholds

FIGURES = ("globals", "trade", "grid")


class GlobalsHeads(Section):
    """What is compared: the error `metric` of MET, and `cost`, the error that it may cost."""

    metric: str = "rec_globals"
    cost: str = "rec_tokens"
    split: Literal["val", "test"] = "test"


class GlobalsHeadsConfig(ReportConfig):
    """Adds what is compared."""

    report_name: str = "compare_globals_heads"
    globals_heads: GlobalsHeads = GlobalsHeads()


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Compare heads that reconstruct MET."""
    config = read_config(cfg, GlobalsHeadsConfig)
    asked = config.globals_heads
    question = f"What does reconstructing MET buy ({asked.metric}), and what does it cost?"
    with open_report(config, question, FIGURES) as report:
        latents = latent_names(report.configs)
        runs = report.runs[report.runs["run_dir"].isin(latents)] if latents else report.runs[:0]
        check_error(runs, asked.cost, "globals_heads.cost")
        heads = head_groups(report.configs, latents)
        if any(head.has_head for head in heads):
            check_error(runs, asked.metric, "globals_heads.metric")
        groups = [head.runs for head in heads]
        metrics = [asked.metric, asked.cost]
        judged = read_errors(groups, runs, report.scores, metrics, asked.split)
        by_val = judged
        if asked.split != "val":
            by_val = read_errors(groups, runs, report.scores, metrics, "val")
        found = head_results(heads, judged, by_val, asked.metric, asked.cost)
        best = best_head(found)

        said = [how_runs_ended(report.runs, len(report.skipped))]
        said.append(_what_it_buys(found, best, asked))
        report.answer = " ".join(said)
        _add_key_numbers(report, found, best, asked)
        if found:
            report.table(_table(found, asked))
        settings = group_by_seed(with_named_latents(report.configs, latents))
        times = times_to_thresholds(report.epochs, config.thresholds)
        overview = runs_overview(report.runs, settings, times)
        if len(runs):
            shown = overview[overview["run_dir"].isin(latents)]
            metric = error_named(asked.cost)
            report.table(runs_table(shown, settings, metric, None, list(times)))
        report.reasons("Runs that did not finish", why_not_finished(report.runs))
        left_out = _left_out(report, heads, judged, latents, asked)
        report.reasons("Runs that are not compared", left_out)
        _add_notes(report, found, judged.n_events, asked)
        if found:
            add_globals(report, found, asked.metric, asked.split)
            add_trade(report, found, judged, (asked.metric, asked.cost), asked.split)
            add_grid(report, found, asked.metric, asked.split)
        report.summary(
            overview.assign(
                group=overview["run_dir"].map(
                    {run: head.label for head in heads for run in head.runs.run_dirs}
                )
            ),
            question=report.question,
            answer=report.answer,
            metric=asked.metric,
            cost=asked.cost,
            split=asked.split,
            n_events=judged.n_events,
            groups=[_as_data(one) for one in found],
            best=best.head.label if best else None,
            left_out=[{"run": run, "reason": reason} for run, reason in left_out],
        )


def _what_it_buys(found: Sequence[HeadResult], best: HeadResult | None, asked: GlobalsHeads) -> str:
    if best is None or best.met is None:
        which = asked.metric if not found else f"{asked.metric}: none has a head"
        return f"No run has a {which} on the {asked.split} split."
    lead = lead_of(best, found)
    which = "is the only head" if lead is None else "says most of MET on the validation split"
    text = f"{best.head.label} {which}: {asked.metric} is "
    text += f"{spread_text(spread(best.met.values))} on the {asked.split} split"
    text += ", where the training mean would have about 1"
    if lead is not None:
        text += f"; {lead.name} has {'more' if lead.difference > 0 else 'less'} by {_size(lead)}"
        text += "" if lead.is_found else ", which may be chance"
    text += "."
    costs = [one for one in found if one.cost_row is not None]
    if not costs:
        return f"{text} No group without a head is there to tell what that costs."
    of_best = next((one for one in costs if one is best), None)
    if of_best is not None:
        text += f" Of {asked.cost} it {_costs(of_best.cost_row)} compared with no head"
        others = [one for one in costs if one is not best]
        named = [f"{one.head.label} {_costs(one.cost_row)}" for one in others[:3]]
        text += f"; {'; '.join(named)}." if named else "."
    return text


def _costs(row: Comparison | None) -> str:
    assert row is not None
    if row.is_found:
        return f"{'costs' if row.difference > 0 else 'saves'} {_size(row)}"
    signed = with_uncertainty(row.difference, row.error)
    return f"changes nothing that is more than chance ({signed})"


def _size(row: Comparison) -> str:
    return with_uncertainty(abs(row.difference), row.error)


def _add_key_numbers(
    report: Report, found: Sequence[HeadResult], best: HeadResult | None, asked: GlobalsHeads
) -> None:
    if best is None or best.met is None:
        return
    value = spread(best.met.values)
    report.key_number(
        f"{asked.split} {asked.metric}", with_uncertainty(value.mean, value.sd), best.head.label
    )
    report.key_number(
        f"1 − {asked.metric}", with_uncertainty(*best.known_share), "± seeds and events"
    )
    if best.cost_row is not None:
        paid = with_uncertainty(best.cost_row.difference, best.cost_row.error)
        report.key_number(f"{asked.cost} minus no head", paid, "± seeds and events")


def _table(found: Sequence[HeadResult], asked: GlobalsHeads) -> Table:
    met = [spread(one.met.values if one.met else []) for one in found]
    cost = [spread(one.cost.values if one.cost else []) for one in found]
    n_runs = [max(a.n, b.n) for a, b in zip(met, cost, strict=True)]
    shares = [one.known_share for one in found]
    met_rows, cost_rows = [one.met_row for one in found], [one.cost_row for one in found]
    columns = [
        Column("group", [one.head.label for one in found]),
        Column("runs", n_runs, lambda n: f"{int(n)}"),
        spread_column(f"{asked.split} {asked.metric}", met),
        Column(
            f"1 − {asked.metric}",
            [share for share, _ in shares],
            texts=[with_uncertainty(*share) for share in shares],
            hint="0: no better than the mean of the training events; ± of seeds and events",
        ),
        *difference_columns("minus weakest head", met_rows, "all differences"),
        spread_column(f"{asked.split} {asked.cost}", cost),
        *difference_columns("minus no head", cost_rows, "all differences"),
    ]
    is_found = [
        any(row is not None and row.is_found for row in rows)
        for rows in zip(met_rows, cost_rows, strict=True)
    ]
    return Table(
        "Heads",
        columns,
        "β is the weight of the error of MET in training. Mean ± standard deviation over runs; "
        "differences are between groups that agree in all else, ± what seeds and the shared events "
        "leave uncertain, p corrected for all differences of the table (Holm). Rows in red differ "
        "in something by more than chance.",
        highlighted=frozenset(i for i, one in enumerate(is_found) if one),
    )


def _left_out(
    report: Report,
    heads: Sequence[HeadGroup],
    judged: EventErrors,
    latents: Mapping[str, str],
    asked: GlobalsHeads,
) -> list[tuple[str, str]]:
    """By name, each run once; models without a head have no error of MET to miss."""
    names = dict(zip(report.runs["run_dir"], report.runs["name"], strict=True))
    with_head = {run for head in heads if head.has_head for run in head.runs.run_dirs}
    grouped = {run for head in heads for run in head.runs.run_dirs}
    reasons = {run: "its config has no decoder" for run in latents if run not in grouped}
    for metric in (asked.metric, asked.cost):
        for run, reason in judged.left_out.get(metric, []):
            if metric == asked.cost or run in with_head:
                reasons.setdefault(run, reason)
    return without_autoencoder(report.runs, report.configs) + names_of([*reasons.items()], names)


def _add_notes(
    report: Report, found: Sequence[HeadResult], n_events: int, asked: GlobalsHeads
) -> None:
    if not found:
        return
    report.note(
        f"{asked.metric} is a mean over ln(1 + MET) and the direction of MET, each normalised to "
        "width 1. Encoders do not see MET: a head says what the objects recoil against. What "
        "models without a head know of MET is not measured here."
    )
    report.note(
        "The epoch of each run is the one with the lowest validation loss, in which MET counts "
        "with the weight of its head."
    )
    if not n_events:
        report.note(
            "Only recorded values are at hand: what chance in the events does to them is not "
            "counted."
        )
    if all(len(one.head.runs.run_dirs) < 2 for one in found):
        report.note("No group has two runs: what seeds do is not counted.")


def _as_data(one: HeadResult) -> dict[str, Any]:
    return {
        "label": one.head.label,
        "globals_beta": one.head.beta,
        "met": one.met.values.tolist() if one.met else [],
        "met_val": asdict(one.met_val),
        "known_share": one.known_share,
        "cost": one.cost.values.tolist() if one.cost else [],
        "met_comparison": asdict(one.met_row) if one.met_row else None,
        "cost_comparison": asdict(one.cost_row) if one.cost_row else None,
    }
