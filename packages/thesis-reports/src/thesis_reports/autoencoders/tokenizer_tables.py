"""Tokenizers in a table: what they keep for how many bits, and what training them takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from thesis_reports.autoencoders.tokenizers import Tokenizer
from thesis_reports.comparison import Comparison
from thesis_reports.comparison_columns import difference_columns, spread_column
from thesis_reports.page.content import Column, Table
from thesis_reports.rounding import duration, number, with_uncertainty
from thesis_reports.statistics import spread


def price_table(
    found: Sequence[Tokenizer], rows: Mapping[str, Comparison], metric: str, split: str
) -> Table:
    """Error beside bits, lowest validation error first.

    Parameters
    ----------
    found
        See `thesis_reports.autoencoders.tokenizers.find_tokenizers`.
    rows
        Each minus the first, by label.
    metric, split
        The error, and where it is judged.
    """
    compared = [rows.get(one.label) for one in found]
    columns = [
        Column("tokenizer", [one.label for one in found]),
        Column("runs", [len(one.run_dirs) for one in found], lambda n: f"{int(n)}"),
        Column(
            "bits / event",
            [one.mean_bits for one in found],
            lambda v: number(v, 3),
            hint="of what the decoder is given of the objects, mean over events",
        ),
    ]
    if any(one.has_codebook for one in found):
        columns.append(
            spread_column("ideal coder", [one.ideal_bits for one in found], "log2 of perplexity")
        )
    if split != "val":
        columns.append(spread_column(f"val {metric}", [one.val for one in found]))
    columns += [
        spread_column(f"{split} {metric}", [spread(one.test.values) for one in found]),
        *difference_columns("minus first", compared, "all pairs"),
    ]
    return Table(
        "What is kept, at what price",
        columns,
        f"The first has the lowest validation {metric}, by mean over its runs; ± is the standard "
        f"deviation over runs. Differences are of means on the {split} split, ± what seeds and the "
        "shared events leave uncertain. Rows in red differ from the first by more than chance.",
        highlighted=frozenset(i for i, row in enumerate(compared) if row and row.is_found),
    )


def time_table(found: Sequence[Tokenizer], times: pd.DataFrame) -> Table:
    """What training takes, and how the codes are used in the end.

    Parameters
    ----------
    found
        See `thesis_reports.autoencoders.tokenizers.find_tokenizers`.
    times
        See `thesis_reports.thresholds.times_to_thresholds`.
    """
    columns = [
        Column("tokenizer", [one.label for one in found]),
        spread_column(
            "events / s", [one.throughput for one in found], "training events per second"
        ),
        spread_column(
            "training (s)", [one.seconds for one in found], "training passes, no validation"
        ),
    ]
    for label in times:
        taken = [times_of_threshold(times, label, one) for one in found]
        columns.append(
            Column(
                label,
                [spread(seconds).mean for seconds in taken],
                duration,
                texts=[
                    _reached(seconds, len(one.run_dirs))
                    for seconds, one in zip(taken, found, strict=True)
                ],
            )
        )
    if any(one.has_codebook for one in found):
        hint = "of validation events, at the best epoch"
        columns += [
            spread_column("perplexity", [one.perplexity for one in found], hint),
            spread_column("codes used", [one.codes_used for one in found], hint),
        ]
    caption = "Mean ± standard deviation over runs."
    if len(times.columns):
        caption += " Times to a threshold are of the runs that reach it, counted in brackets."
    return Table("Training", columns, caption)


def times_of_threshold(times: pd.DataFrame, label: str, one: Tokenizer) -> np.ndarray:
    """Seconds [n] of the runs that reach a threshold."""
    return times[label].reindex(list(one.run_dirs)).dropna().to_numpy(dtype=float)


def _reached(seconds: np.ndarray, n_runs: int) -> str:
    of_runs = f"({len(seconds)} of {n_runs})"
    if not len(seconds):
        return f"– {of_runs}"
    found = spread(seconds)
    return f"{with_uncertainty(found.mean, found.sd)} {of_runs}"
