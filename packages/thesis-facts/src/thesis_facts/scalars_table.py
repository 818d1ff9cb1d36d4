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

_BATCH = 1024
"""Files parsed at once: enough to start the parser seldom, few enough to bound the memory."""

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
        for start in range(0, len(members), _BATCH):
            _parse_group(header, members[start : start + _BATCH], tables, left)
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
    table = pl.concat(tables, how="diagonal")
    return table if table[RUN].is_sorted() else table.sort(RUN, maintain_order=True)


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
    bodies = [memoryview(text)[len(header) + 1 :] for _, text in members]
    text = b"".join(bodies)
    ends = np.cumsum([len(body) for body in bodies])
    if header.endswith(b"\r"):
        text, ends = _with_plain_line_ends(text, ends)
    characters = np.frombuffer(text, np.uint8)
    lines = np.flatnonzero(characters == ord("\n"))
    starts = np.concatenate(([0], lines[:-1] + 1))
    is_comma = (characters == ord(",")).view(np.uint8)
    if not (np.add.reduceat(is_comma, starts, dtype=np.int16) == len(names) - 1).all():
        return None
    empty = _empty_at_the_end(characters, lines, len(names))
    common = int(np.partition(empty, len(lines) // 10)[len(lines) // 10])
    table = _read_csv(text, names, len(names) - common)
    if table is None or table.height != len(lines):
        return None
    if common:
        rows = np.flatnonzero(empty < common)
        fuller = b"".join(text[starts[row] : lines[row] + 1] for row in rows)
        table = _with_sparse_columns(table, rows, _read_csv(fuller, names, len(names)))
    if table is None or table["epoch"].has_nulls() or table["split"].has_nulls():
        return None
    per_file = np.diff(np.searchsorted(lines, ends), prepend=0)
    positions = np.array([position for position, _ in members], dtype=np.int32)
    runs = pl.Series(RUN, np.repeat(positions, per_file))
    return table.select(runs, pl.all())


def _empty_at_the_end(characters: np.ndarray, lines: np.ndarray, width: int) -> np.ndarray:
    """Number of empty cells at the end of each line.

    The metrics of the test are columns of every row, and a value of one row a run: skipping them
    halves the time.
    """
    empty = np.zeros(len(lines), dtype=np.int16)
    is_empty = np.ones(len(lines), dtype=bool)
    for distance in range(1, width):
        is_empty &= characters[lines - distance] == ord(",")
        if not is_empty.any():
            break
        empty += is_empty
    return empty


def _read_csv(text: bytes, names: list[str], n_columns: int) -> pl.DataFrame | None:
    """First columns of a text; None where a cell is not what its column says."""
    schema = _schema(names)
    if not text:
        return pl.DataFrame(schema=schema)
    try:
        table = pl.read_csv(
            text, has_header=False, schema=schema, quote_char=None, columns=list(range(n_columns))
        )
    except pl.exceptions.PolarsError:
        return None
    numbers = pl.col(name for name in table.columns if schema[name] == pl.Float64)
    return table.with_columns(pl.when(numbers.is_finite()).then(numbers))


def _with_sparse_columns(
    table: pl.DataFrame, rows: np.ndarray, fuller: pl.DataFrame | None
) -> pl.DataFrame | None:
    """Table with the columns that only a few of its rows have."""
    if fuller is None:
        return None
    columns = []
    for name in fuller.columns[table.width :]:
        values = np.full(table.height, np.nan)
        values[rows] = fuller[name].to_numpy()
        columns.append(pl.Series(name, values, nan_to_null=True))
    return table.with_columns(columns)


def _with_plain_line_ends(text: bytes, ends: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Text, and where its files end, without the carriage returns of Python's csv writer."""
    before = np.cumsum(np.frombuffer(text, np.uint8) == ord("\r"))
    return text.replace(b"\r", b""), ends - before[ends - 1]


def _schema(names: Sequence[str]) -> dict[str, type[pl.DataType]]:
    kinds: dict[str, type[pl.DataType]] = {"epoch": pl.Int64, "split": pl.String}
    return {name: kinds.get(name, pl.Float64) for name in names}
