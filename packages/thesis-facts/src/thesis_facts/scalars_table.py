"""The scalars of many runs as one table, at close to the speed of reading their bytes.

Files with the same header are joined and parsed at once: a parser started per file costs more
than the parsing. Whatever is not plainly whole is left to the tolerant reader of one run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl

from thesis_facts.scalars import Row

RUN = "run"
"""Column with the position of a row's run in the sequence that was given."""

Member = tuple[int, bytes]
"""Position of a run, and the content of its scalars file."""


def parse_many(files: Sequence[bytes | None]) -> tuple[pl.DataFrame, list[int]]:
    """Parse the scalars files of many runs.

    Parameters
    ----------
    files
        Content of each run's ``scalars.csv``; None where there is none.

    Returns
    -------
    table
        All rows in the order of the runs, with the run's position in ``run``.
    left
        Positions of the files that need the tolerant reader.
    """
    groups: dict[bytes, list[Member]] = defaultdict(list)
    left = []
    for position, text in enumerate(files):
        header, _, first = (text or b"")[:4096].partition(b"\n")
        if text and first and text.endswith(b"\n") and b'"' not in text:
            groups[header].append((position, text))
        else:
            left.append(position)
    tables: list[pl.DataFrame] = []
    for header, members in groups.items():
        _parse_group(header, members, tables, left)
    return stack(tables), sorted(left)


def table_of(rows: Sequence[Row], position: int) -> pl.DataFrame:
    """Table of the rows of one run, as `parse_many` would have made it."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    table = pl.DataFrame(columns, schema=_schema(names), strict=False)
    return table.select(pl.lit(position, dtype=pl.Int32).alias(RUN), pl.all())


def stack(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tables under each other in the order of their runs; a column may be missing in some."""
    tables = [table for table in tables if table.height]
    if not tables:
        return pl.DataFrame(schema={RUN: pl.Int32, **_schema(["epoch", "split"])})
    if len(tables) == 1:
        return tables[0]
    return pl.concat(tables, how="diagonal").sort(RUN, maintain_order=True)


def _parse_group(
    header: bytes,
    members: list[Member],
    tables: list[pl.DataFrame],
    left: list[int],
) -> None:
    """Parse files of one header into one table; a broken file is found by halving the group."""
    table = _parse_joined(header, members)
    if table is not None:
        tables.append(table)
    elif len(members) == 1:
        left.append(members[0][0])
    else:
        middle = len(members) // 2
        _parse_group(header, members[:middle], tables, left)
        _parse_group(header, members[middle:], tables, left)


def _parse_joined(header: bytes, members: list[Member]) -> pl.DataFrame | None:
    """Rows of files that share a header; None where one of them is not plainly whole."""
    names = header.rstrip(b"\r").decode("utf-8", "replace").split(",")
    if len(set(names)) < len(names) or not {"epoch", "split"} <= set(names):
        return None
    start = len(header) + 1
    lines = [text.count(b"\n", start) for _, text in members]
    text = b"".join(memoryview(text)[start:] for _, text in members)
    if header.endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    # the parser refuses a line that is too long, but fills one that is too short
    commas = np.count_nonzero(np.frombuffer(text, np.uint8) == ord(","))
    if commas != sum(lines) * (len(names) - 1):
        return None
    schema = _schema(names)
    try:
        table = pl.read_csv(text, has_header=False, schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    if table.height != sum(lines) or table["epoch"].has_nulls() or table["split"].has_nulls():
        return None
    positions = np.array([position for position, _ in members], dtype=np.int32)
    runs = pl.Series(RUN, np.repeat(positions, lines))
    numbers = [name for name, kind in schema.items() if kind == pl.Float64]
    values = pl.col(numbers)
    return table.with_columns(runs, pl.when(values.is_finite()).then(values)).select(RUN, *names)


def _schema(names: Sequence[str]) -> dict[str, type[pl.DataType]]:
    kinds: dict[str, type[pl.DataType]] = {"epoch": pl.Int64, "split": pl.String}
    return {name: kinds.get(name, pl.Float64) for name in names}
