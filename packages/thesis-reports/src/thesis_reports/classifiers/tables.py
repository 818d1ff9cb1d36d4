"""Tables of classifiers, and their numbers in words: each with what seeds and events do to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from thesis_reports.classifiers.comparison import MetricComparison
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import rejection_key
from thesis_reports.comparison import Comparison, chance_in
from thesis_reports.comparison_columns import chance_columns
from thesis_reports.page.content import Column, Table
from thesis_reports.rounding import number, signed, with_uncertainty

_BOTH = "mean ± standard deviation over runs ± chance in the events of one run"


def with_both(value: float, seeds: float, events: float) -> str:
    """A value with what seeds and what events do to it, to the digits of the smaller.

    >>> with_both(0.910842, 0.00213, 0.00534)
    '0.9108 ± 0.0021 ± 0.0053'
    >>> with_both(0.910842, float("nan"), 0.00534)
    '0.9108 ± – ± 0.0053'
    """
    if not math.isfinite(value):
        return "–"
    known = [one for one in (seeds, events) if math.isfinite(one) and one > 0]
    if not known:
        return number(value)
    # two digits of the larger, but at least one of the smaller
    digits = max(1 - math.floor(math.log10(max(known))), -math.floor(math.log10(min(known))))
    digits = min(max(digits, 0), 6)
    parts = [f"{one:.{digits}f}" if math.isfinite(one) else "–" for one in (seeds, events)]
    return f"{value:,.{digits}f} ± {parts[0]} ± {parts[1]}".replace("-", "−")


def estimate_text(model: Model, key: str) -> str:
    """A number of a model; a lower limit where a run sees no background pass."""
    over_runs = model.over_runs(key)
    if key.startswith("rejection") and not math.isfinite(over_runs.mean):
        return f"> {number(model.lower_limit(key), 3)}"
    return with_both(over_runs.mean, over_runs.sd, model.event_error(key))


def separation_table(
    models: Sequence[Model], working_points: Sequence[float], split: str, signal: str, shown: int
) -> Table:
    """How well each model tells the signal from the rest."""
    val = [model.val_auroc for model in models]
    columns = [
        Column("model", [model.label for model in models]),
        Column("runs", [len(model.runs) for model in models], lambda n: f"{int(n)}"),
        _column(models, f"{split} AUROC", "auroc"),
    ]
    if split != "val":
        columns.insert(
            2,
            Column(
                "val AUROC",
                [one.mean for one in val],
                texts=[with_uncertainty(one.mean, one.sd) for one in val],
                hint="mean ± standard deviation over runs",
            ),
        )
    columns += [
        _column(models, f"1/ε_B at {point:g}", rejection_key(point)) for point in working_points
    ]
    caption = f"{signal} against all else, the best on validation first. {_how(models)} 1/ε_B is "
    caption += "the background rejection at a signal efficiency ε_S, with ε_B averaged over runs; "
    caption += "one with > is a lower limit (95 %), where no background event passes in any run."
    if shown < len(models):
        caption += f" Figures show the first {shown} of {len(models)}."
    return Table(
        "Separation",
        columns,
        caption,
        highlighted=frozenset({0}) if len(models) > 1 else frozenset(),
        sorted_by=("val AUROC", "descending"),
    )


def decision_table(models: Sequence[Model], split: str) -> Table:
    """How often models are right, and whether their probabilities are true."""
    perfect = [float(np.mean([run.calibration_if_perfect for run in m.runs])) for m in models]
    columns = [
        Column("model", [model.label for model in models]),
        _column(models, "accuracy", "acc"),
        _column(models, "log loss", "log_loss"),
        _column(models, "calibration error", "calibration_error"),
        Column(
            "if perfect",
            perfect,
            lambda value: number(value, 2),
            "calibration error that these events would show if all probabilities were true",
        ),
    ]
    return Table(
        "Decisions and probabilities",
        columns,
        f"On the {split} split. {_how(models)} Accuracy and log loss are of all classes; the "
        "calibration error is of the signal probability, and means nothing unless well above the "
        "one beside it.",
    )


def significance_table(models: Sequence[Model], split: str, rates: str) -> Table:
    """What a search would expect, with the cut that each run chose on validation."""
    columns = [
        Column("model", [model.label for model in models]),
        _column(models, "signal S", "signal"),
        _column(models, "background B", "background"),
        _column(models, "S/√(B + (rB)²)", "simple"),
        _column(models, "Asimov", "asimov"),
    ]
    return Table(
        "Expected significance",
        columns,
        f"{rates[0].upper()}{rates[1:]}, behind the cut of the largest Asimov significance that "
        f"each run has on the validation split, judged on the {split} split. {_how(models)} Events "
        "are those of the simulated samples, whose mix of processes the background has.",
    )


def differences_table(found: Sequence[MetricComparison], base: str, n_replicates: int) -> Table:
    """All comparisons with the base."""
    rows = [(one.label, row) for one in found for row in one.rows]
    columns = [
        Column("model", [row.name for _, row in rows]),
        Column("metric", [label for label, _ in rows]),
        Column(
            "minus base",
            [row.difference for _, row in rows],
            texts=[signed(row.difference, row.error) for _, row in rows],
            hint="difference of the means, ± events and seeds together",
        ),
        *chance_columns(
            [row for _, row in rows],
            "all pairs of models, one of which was chosen, in all metrics",
        ),
    ]
    return Table(
        f"Differences from {base}",
        columns,
        f"{base} is the best on validation. ± events is from a paired bootstrap of "
        f"{n_replicates:,} replicates, the same events for all models and seeds; ± seeds is what "
        "seeds do (of a single run, the spread of all others). Rejections are compared by their "
        "logarithm: 0.05 is 5 %. Rows in red differ by more than chance after Holm's correction.",
        highlighted=frozenset(i for i, (_, row) in enumerate(rows) if row.is_found),
    )


def what_differs(found: Sequence[MetricComparison], base: str, n_others: int) -> str:
    """The differences that stand, and those that could have been found, in words."""
    if not n_others:
        return "There is no other model to compare with."
    if not found:
        return "The models could not be compared."
    stand = [(one, row) for one in found for row in one.rows if row.is_found]
    labels = _listed([one.label for one in found])
    chance = chance_in([row for one in found for row in one.rows])
    if not any(np.isfinite(row.p_value) for one in found for row in one.rows):
        text = f"Nothing is known of chance in {labels}."
    elif not stand:
        whom = "the other model" if n_others == 1 else f"any of the {n_others} others"
        text = f"In {labels} nothing tells it from {whom} by more than {chance}."
    else:
        names = list(dict.fromkeys(row.name for _, row in stand))
        who = f"{len(names)} of {n_others} others differ{'s' if len(names) == 1 else ''}"
        text = f"{'The other model differs' if n_others == 1 else who} from {base} by more than "
        text += f"{chance}: {'; '.join(_told(one, row) for one, row in stand[:4])}"
        text += f" and {len(stand) - 4} more." if len(stand) > 4 else "."
    reach = [row.detectable for row in found[0].rows if np.isfinite(row.detectable)]
    if reach:
        text += f" A difference of {number(float(np.median(reach)), 2)} in {found[0].label} would "
        text += "have been found in four cases of five, before correction."
    return text


def _told(one: MetricComparison, row: Comparison) -> str:
    is_better = (row.difference > 0) == one.higher_is_better
    by = signed(row.difference, row.error)
    return f"{row.name} in {one.label} by {by} ({'better' if is_better else 'worse'})"


def _column(models: Sequence[Model], label: str, key: str) -> Column:
    values = [model.over_runs(key).mean for model in models]
    values = [
        model.lower_limit(key) if key.startswith("rejection") and not np.isfinite(value) else value
        for model, value in zip(models, values, strict=True)
    ]
    texts = [estimate_text(model, key) for model in models]
    return Column(label, values, texts=texts, hint=_BOTH)


def _how(models: Sequence[Model]) -> str:
    if all(len(model.runs) < 2 for model in models):
        return "One seed each: what seeds do is unknown; the last ± is chance in the events."
    return "The first ± is the standard deviation over runs, the second the events of one run."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
