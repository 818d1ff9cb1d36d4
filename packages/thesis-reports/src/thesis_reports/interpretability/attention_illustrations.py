"""Figures of where attention looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thesis_reports.comparison import LEVEL, Comparison
from thesis_reports.figures.differences import differences_data, draw_differences
from thesis_reports.figures.evolution import Evolution, draw_evolution, evolution_data
from thesis_reports.figures.matrix import Matrix, draw_matrix, matrix_data
from thesis_reports.interpretability.attention_differences import SignalDifferences
from thesis_reports.interpretability.attention_runs import (
    Look,
    SettingAttention,
    gate_label,
    layer_label,
)
from thesis_reports.interpretability.attention_summary import LOOKED_AT, TOKENS, Array
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number, signed
from thesis_reports.sentences import short
from thesis_reports.statistics import spread

_QUANTITY = "attention / uniform attention"
_MOST_NAMED = 3
_BAND = "bands one standard deviation over seeds"


def add_by_kind(report: Report, group: SettingAttention, looks: Sequence[Look]) -> None:
    """Who looks at whom, in the whole model and in each layer."""
    queries, keys = _kinds_there(group)
    whole = _matrix(group.label, group.ratios[:, 0], queries, keys)
    caption = f"{group.label}: mean weight from a kind (rows) to a kind (columns), over all "
    caption += "layers and heads, relative to uniform attention over the tokens that are there; "
    caption += f"± over {counted(len(group.runs), 'seed')}. {clearly_off(looks)} A token and "
    caption += f"itself stand apart. Empty where fewer than {group.fewest_events} events have such "
    caption += "a pair."
    names = ("who looks", "at what")
    report.figure(
        "by_kind",
        "Who looks at whom",
        lambda: draw_matrix([whole], quantity=_QUANTITY, scale="ratio", axes_names=names),
        caption,
        data=matrix_data([whole]),
        wide=True,
    )
    panels = [
        _matrix(layer, group.ratios[:, k + 1], queries, keys)
        for k, layer in enumerate(group.layers)
    ]
    reach = [float(np.nanmean(np.abs(np.log(np.maximum(p.values, 1e-3))))) for p in panels]
    sharpest = int(np.argmax(reach))
    caption = f"The same in each layer. Furthest from uniform is {group.layers[sharpest]}, by a "
    caption += f"factor of {np.exp(reach[sharpest]):.2f} in the (geometric) mean over fields."
    report.figure(
        "by_layer",
        "Who looks at whom, layer by layer",
        lambda: draw_matrix(
            panels, quantity=_QUANTITY, scale="ratio", axes_names=names, per_row=3, annotate=False
        ),
        caption,
        data=matrix_data(panels),
        wide=True,
    )


def add_entropy(report: Report, group: SettingAttention) -> None:
    """How broad the attention of each head is."""
    entropy = np.array([one.attention.entropy for one in group.runs])  # [n, L, M]
    n_softmaxes = group.runs[0].attention.n_softmaxes
    titles = [group.label] if n_softmaxes == 1 else ["first softmax", "second softmax"]
    panels = []
    for title, part in zip(titles, np.split(entropy, n_softmaxes, axis=2), strict=True):
        heads = [f"{k + 1}" for k in range(part.shape[2])]
        panels.append(Matrix(title, group.layers, heads, part.mean(0), _deviation(part)))
    by_layer = [spread(entropy[:, k].mean(1)) for k in range(entropy.shape[1])]
    sharpest = int(np.argmin([one.mean for one in by_layer]))
    caption = f"{group.label}: entropy of the weights over log(number of tokens), 1 is uniform; "
    caption += f"mean over {counted(len(group.runs), 'seed')}. Heads stand from sharp to broad, "
    caption += "for those of different seeds have nothing in common. All: "
    caption += f"{short(group.mean_entropy())}; sharpest is {group.layers[sharpest]}, "
    caption += f"{short(by_layer[sharpest])}."
    report.figure(
        "entropy",
        "How broadly heads look",
        lambda: draw_matrix(
            panels,
            quantity="normalised entropy",
            scale="share",
            axes_names=("", "head, from sharp to broad"),
        ),
        caption,
        data=matrix_data(panels),
        wide=True,
    )


def add_pooled(report: Report, group: SettingAttention) -> None:
    """What the class token looks at, or all tokens where all are pooled."""
    has_cls = group.runs[0].order.has_cls
    if has_cls:
        values, who = group.ratios[:, :, TOKENS.index("CLS")], "the class token"
    else:
        values, who = group.all_received, "all tokens"
    keys = [k for k in _kinds_there(group)[1] if np.isfinite(values[:, 0, k]).all()]
    if not keys:
        report.not_drawn("pooled", f"Where {who} look", "There are too few tokens.")
        return
    shown = values[:, :, keys]
    columns = [LOOKED_AT[k] for k in keys]
    panel = Matrix("", ["all layers", *group.layers], columns, shown.mean(0), _deviation(shown))
    most, least = int(shown[:, 0].mean(0).argmax()), int(shown[:, 0].mean(0).argmin())
    verb = "looks" if has_cls else "look"
    caption = f"{group.label}: where {who} {verb}, relative to uniform attention, mean ± "
    caption += f"standard deviation over {counted(len(group.runs), 'seed')}. In all layers "
    caption += f"together most at {columns[most]}, {short(spread(shown[:, 0, most]))}, least at "
    caption += f"{columns[least]}, {short(spread(shown[:, 0, least]))}."
    report.figure(
        "pooled",
        f"Where {who} {verb}",
        lambda: draw_matrix([panel], quantity=_QUANTITY, scale="ratio"),
        caption,
        data=matrix_data([panel]),
        wide=True,
    )


def add_gates(report: Report, groups: Sequence[SettingAttention]) -> None:
    """The factor in front of each bias over epochs, of all settings."""
    title = "How far biases are let in"
    named = [(group, name) for group in groups for name in dict.fromkeys(_names(group, "gates"))]
    if not named:
        report.not_drawn("gates", title, "No run has a bias with a gate.")
        return
    seen = [gate_label(name) for _, name in named]
    lines = [
        Evolution.of(
            gate_label(name)
            if seen.count(gate_label(name)) == 1
            else f"{gate_label(name)} ({group.label})",
            [one.gates[name] for one in group.runs if name in one.gates],
        )
        for group, name in named
    ]
    ends = "; ".join(f"{x.label} from {short(x.first)} to {short(x.last)}" for x in lines[:6])
    caption = "Factor in front of each physics bias (0: shut; the same for all layers), mean over "
    caption += f"the runs of a setting, {_BAND}. {ends}. How much a bias adds also depends on its "
    caption += "own size."
    report.figure(
        "gates",
        title,
        lambda: draw_evolution(lines, quantity="gate"),
        caption,
        data=evolution_data(lines),
        wide=True,
    )


def add_lambda(report: Report, groups: Sequence[SettingAttention]) -> None:
    """λ of each layer over epochs, of the best setting with differential attention."""
    title = "λ of differential attention"
    group = next((g for g in groups if any(one.lambdas for one in g.runs)), None)
    if group is None:
        report.not_drawn("lambda", title, "No run has differential attention.")
        return
    lines = [
        Evolution.of(
            layer_label(name), [one.lambdas[name] for one in group.runs if name in one.lambdas]
        )
        for name in dict.fromkeys(_names(group, "lambdas"))
    ]
    ends = "; ".join(
        f"{line.label} from {short(line.first)} to {short(line.last)}" for line in lines
    )
    caption = f"{group.label}: weight of the second softmax, mean over "
    caption += f"{counted(len(group.runs), 'seed')}, {_BAND}. {ends}."
    report.figure(
        "lambda",
        title,
        lambda: draw_evolution(lines, quantity="λ"),
        caption,
        data=evolution_data(lines),
        wide=True,
    )


def add_signal(
    report: Report, group: SettingAttention, differences: SignalDifferences, signal: str | None
) -> None:
    """Whether kinds get more attention in events of the signal."""
    rows = differences.rows
    title = f"Attention in {signal} events" if signal else "Attention in signal events"
    if not rows:
        why = "The classes of the runs are not known."
        if signal is not None:
            why = "Too few events of both classes have as many tokens."
        report.not_drawn("signal", title, why)
        return
    largest = max(rows, key=lambda row: abs(row.difference))
    labels = group.runs[0].attention.label
    plain = differences.unadjusted_of(largest.name)
    in_signal, in_others = differences.n_tokens
    caption = f"{group.label}: what tokens of all kinds give to each, in units of uniform "
    caption += f"attention, in {signal} events minus in all others, the base ({len(labels):,} "
    caption += "events), at equal number of tokens: what a linear regression on class and number "
    caption += "of tokens gives for the class, for a constant share of attention is more of these "
    caption += f"units where there are more tokens ({number(in_signal, 3)} in {signal} events, "
    caption += f"{number(in_others, 3)} in others). Bars are one standard deviation of events and "
    caption += "seeds together; in the grey zone a difference would be missed more often than in "
    caption += f"one case of five. Largest: {largest.name}, {difference_text(largest)}"
    caption += (
        f"; without the adjustment {signed(plain.difference, plain.error)}. " if plain else ". "
    )
    caption += f"Red diamonds are below {LEVEL:g} "
    caption += "after Holm's correction."
    report.figure(
        "signal",
        title,
        lambda: draw_differences(
            rows,
            quantity=f"attention in {signal} events",
            base="that in others of as many tokens",
        ),
        caption,
        data=differences_data(rows),
        wide=True,
    )


def look_text(look: Look) -> str:
    """Who looks at whom, and how much."""
    return f"{look.query} at {look.key}, {short(look.ratio)}"


def clearly_off(looks: Sequence[Look]) -> str:
    """A sentence on the pairs that are clearly off uniform attention, most and least looked at."""
    clear = [look for look in looks if look.is_clear]
    if not clear:
        text = f"None of {counted(len(looks), 'pair')} of kinds is clearly off uniform attention "
        few = min((look.ratio.n for look in looks), default=0)
        beside = f"; with {few} seeds only what is large and steady can be" if 1 < few < 5 else ""
        return f"{text}(5 % after Holm's correction{beside})."
    text = f"{len(clear)} of {counted(len(looks), 'pair')} of kinds "
    text += f"{'is' if len(clear) == 1 else 'are'} clearly off uniform attention, 1"
    above = [look for look in clear if look.ratio.mean > 1][:_MOST_NAMED]
    below = [look for look in clear if look.ratio.mean < 1][-_MOST_NAMED:][::-1]
    if above:
        text += f"; most looked at: {'; '.join(look_text(look) for look in above)}"
    if below:
        text += f"; least: {'; '.join(look_text(look) for look in below)}"
    return f"{text} (5 % after Holm's correction)."


def difference_text(row: Comparison) -> str:
    """A difference with its error and probability."""
    if not np.isfinite(row.p_holm):
        return signed(row.difference, row.error)
    p = "p < 0.0001" if row.p_holm < 1e-4 else f"p = {row.p_holm:.2g}"
    return f"{signed(row.difference, row.error)} ({p})"


def _kinds_there(group: SettingAttention) -> tuple[list[int], list[int]]:
    """Queries and keys that have a field."""
    known = np.isfinite(group.ratios[:, 0]).all(0)
    return np.flatnonzero(known.any(-1)).tolist(), np.flatnonzero(known.any(0)).tolist()


def _matrix(title: str, ratios: Array, queries: list[int], keys: list[int]) -> Matrix:
    """Mean and deviation of ratios [n, Q, K], of some queries and keys."""
    shown = ratios[:, queries][:, :, keys]
    return Matrix(
        title,
        [TOKENS[q] for q in queries],
        [LOOKED_AT[k] for k in keys],
        shown.mean(0),
        _deviation(shown),
    )


def _deviation(values: Array) -> Array:
    return values.std(0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)


def _names(group: SettingAttention, what: str) -> list[str]:
    return [name for one in group.runs for name in getattr(one, what)]
