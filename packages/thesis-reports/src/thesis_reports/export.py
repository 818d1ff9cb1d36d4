"""The table of runs for one's own analysis: runs x axes x metrics, as CSV and as Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from thesis_facts import write_atomic
from thesis_facts.runs_table import as_text
from thesis_reports.naming import numbered

_LARGEST = 2**63  # of the whole numbers that a column of Parquet holds


def write_tables(target: Path, frame: pd.DataFrame) -> None:
    """Write ``{target}.csv`` and ``{target}.parquet``.

    A column of Parquet holds one kind of value: columns of several kinds become text there.
    """
    text = frame.to_csv(index=False)
    csv = target.with_name(f"{target.name}.csv")
    write_atomic(csv, lambda file: file.write(text.encode(errors="backslashreplace")))
    names = numbered(str(name) for name in frame.columns)
    columns = [_one_kind(frame.iloc[:, position]) for position in range(frame.shape[1])]
    typed = pd.DataFrame(dict(zip(names, columns, strict=True)), index=frame.index)
    parquet = target.with_name(f"{target.name}.parquet")
    write_atomic(parquet, lambda file: typed.to_parquet(file, index=False))


def _one_kind(column: pd.Series) -> pd.Series:
    if column.dtype != object:
        return column
    kinds = {type(value) for value in column if pd.api.types.is_scalar(value) and pd.notna(value)}
    fits = all(abs(value) < _LARGEST for value in column if isinstance(value, int))
    is_plain = fits and all(pd.api.types.is_scalar(value) for value in column) and len(kinds) <= 1
    if is_plain:
        return column.where(column.notna(), None)
    is_known = [not pd.api.types.is_scalar(value) or pd.notna(value) for value in column]
    texts = [
        as_text(value) if known else None for value, known in zip(column, is_known, strict=True)
    ]
    return pd.Series(texts, index=column.index, dtype=object)
