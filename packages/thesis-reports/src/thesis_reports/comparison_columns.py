"""Columns of tables that compare groups: values with their spread, differences with theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from thesis_reports.comparison import Comparison
from thesis_reports.page.content import Column
from thesis_reports.rounding import number, p_text, signed, with_uncertainty
from thesis_reports.statistics import Spread


def spread_column(label: str, spreads: Sequence[Spread], hint: str = "") -> Column:
    """Mean ± standard deviation over runs."""
    return Column(
        label,
        [one.mean for one in spreads],
        texts=[with_uncertainty(one.mean, one.sd) for one in spreads],
        hint=hint or "mean ± standard deviation over runs",
    )


def chance_columns(
    rows: Sequence[Comparison | None], corrected_for: str, *, with_events: bool = True
) -> list[Column]:
    """What seeds and events leave uncertain of differences, what chance would give, and could.

    None is a dash; without `with_events` nothing is known of events.
    """

    def column(label: str, name: str, show: Callable[[float], str], hint: str = "") -> Column:
        values = [None if row is None else getattr(row, name) for row in rows]
        return Column(label, values, show, hint)

    def two_digits(value: float) -> str:
        return number(value, 2)

    reach = "smallest difference found in 80 % of cases at 5 %, uncorrected"
    unknown: list[float | None] = [None] * len(rows)
    return [
        column("± events", "event_error", two_digits)
        if with_events
        else Column("± events", unknown, two_digits),
        column("± seeds", "seed_error", two_digits),
        column("p", "p_value", p_text),
        column("p (Holm)", "p_holm", p_text, f"corrected for {corrected_for}"),
        column("could be found", "detectable", two_digits, reach),
    ]


def difference_columns(
    label: str, rows: Sequence[Comparison | None], corrected_for: str
) -> list[Column]:
    """Differences ± what seeds and events leave uncertain, and p; None is a dash."""
    return [
        Column(
            label,
            [None if row is None else row.difference for row in rows],
            texts=["–" if row is None else signed(row.difference, row.error) for row in rows],
            hint="± of seeds and events together",
        ),
        Column(
            "p (Holm)",
            [None if row is None else row.p_holm for row in rows],
            p_text,
            hint=f"corrected for {corrected_for}",
        ),
    ]
