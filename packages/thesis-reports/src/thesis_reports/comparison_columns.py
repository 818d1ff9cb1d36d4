"""Columns of tables that compare groups: values with their spread, differences with theirs."""

from __future__ import annotations

from collections.abc import Sequence

from thesis_reports.comparison import Comparison
from thesis_reports.page.content import Column
from thesis_reports.rounding import p_text, signed, with_uncertainty
from thesis_reports.statistics import Spread


def spread_column(label: str, spreads: Sequence[Spread], hint: str = "") -> Column:
    """Mean ± standard deviation over runs."""
    return Column(
        label,
        [one.mean for one in spreads],
        texts=[with_uncertainty(one.mean, one.sd) for one in spreads],
        hint=hint or "mean ± standard deviation over runs",
    )


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
