"""Write the growing facts of a run: events, a line each, and scalars, a row each.

A line is appended whole and synced. What a crash tore is mended by the next append, so that a
file never holds a broken line that is not its last.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from thesis_facts.durable import (
    StrPath,
    append_whole,
    json_text,
    open_to_append,
    write_atomic,
    write_json,
)
from thesis_facts.errors import RunError

__all__ = [
    "SCALAR_COLUMNS",
    "append_jsonl_event",
    "append_scalars_csv",
    "truncate_scalars",
    "write_atomic",
    "write_json",
]

SCALAR_COLUMNS = (
    "epoch",
    "split",
    "train_loss",
    "val_loss",
    "epoch_time_s",
    "throughput",
    "max_memory_mib",
)
"""Columns that every ``scalars.csv`` begins with; ``metric_*`` columns follow as they appear."""


def append_jsonl_event(run_dir: StrPath, *payloads: Mapping[str, Any]) -> None:
    """Append an event to ``facts/events.jsonl``, or several at the price of one.

    A torn last line is completed if it is whole JSON, and cut off if it is not.

    Raises
    ------
    RunError
        If the file can't be written; it then ends where it ended before.
    """
    line = "".join(json_text(payload) for payload in payloads).encode()
    with open_to_append(_facts(run_dir) / "events.jsonl") as descriptor:
        torn = _torn_tail(descriptor)
        if torn and _is_json(torn):
            line = b"\n" + line
        elif torn:
            _cut_tail(descriptor, torn)
        append_whole(descriptor, line)


def append_scalars_csv(run_dir: StrPath, *new: Mapping[str, float | str | None]) -> None:
    """Append a row to ``facts/scalars.csv``, or several at the price of one.

    Parameters
    ----------
    run_dir
        Directory of the run.
    new
        The rows: cells by column name, ``epoch`` and ``split`` among them. Empty where a column
        is missing or its value is None or not finite. A column that the file lacks is added to
        it at the end, with empty cells in the earlier rows.

    Raises
    ------
    RunError
        If ``epoch`` or ``split`` is missing, or the file can't be written.
    """
    for row in new:
        if row.get("epoch") is None or not row.get("split"):
            raise RunError("a row of scalars needs an epoch and a split", found=dict(row))
    path = _facts(run_dir) / "scalars.csv"
    with open_to_append(path) as descriptor:
        torn = _torn_tail(descriptor)
        if torn:
            _cut_tail(descriptor, torn)
        header = _header(descriptor)
        columns = [*(header or SCALAR_COLUMNS)]
        columns += [name for name in dict.fromkeys(chain(*new)) if name not in columns]
        lines = b"".join(_csv_line([_cell(row.get(name)) for name in columns]) for row in new)
        if columns == header:
            append_whole(descriptor, lines)
            return
        rows = _rows(descriptor)
    write_atomic(path, lambda file: file.write(_widened(columns, rows) + lines))


def truncate_scalars(run_dir: StrPath, last_epoch: int) -> None:
    """Forget what a resumed run will write again: rows beyond the checkpoint, and test rows.

    Parameters
    ----------
    run_dir
        Directory of the run.
    last_epoch
        Last epoch that the checkpoint holds; -1 keeps no row.
    """
    path = _facts(run_dir) / "scalars.csv"
    if not path.exists():
        return
    with open_to_append(path) as descriptor:
        torn = _torn_tail(descriptor)
        if torn:
            _cut_tail(descriptor, torn)
        columns, rows = _header(descriptor), _rows(descriptor)
    if columns is None:
        return
    epoch, split = columns.index("epoch"), columns.index("split")
    kept = [row for row in rows if row[split] != "test" and int(row[epoch]) <= last_epoch]
    if len(kept) < len(rows):
        write_atomic(path, lambda file: file.write(_widened(columns, kept)))


def _facts(run_dir: StrPath) -> Path:
    return Path(run_dir) / "facts"


def _torn_tail(descriptor: int, block: int = 1 << 16) -> bytes:
    """Bytes after the last newline; empty where the file ends as it should."""
    position, tail = os.lseek(descriptor, 0, os.SEEK_END), b""
    while position > 0 and b"\n" not in tail:
        start = max(0, position - block)
        tail = os.pread(descriptor, position - start, start) + tail
        position = start
    return tail.rpartition(b"\n")[2]


def _cut_tail(descriptor: int, torn: bytes) -> None:
    os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_END) - len(torn))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _header(descriptor: int) -> list[str] | None:
    rows = _parse(descriptor)
    return rows[0] if rows else None


def _rows(descriptor: int) -> list[list[str]]:
    return _parse(descriptor)[1:]


def _parse(descriptor: int) -> list[list[str]]:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    text = os.pread(descriptor, size, 0).decode("utf-8", "replace")
    return [row for row in csv.reader(io.StringIO(text)) if row]


def _widened(columns: list[str], rows: list[list[str]]) -> bytes:
    lines = [columns, *([*row, *[""] * (len(columns) - len(row))] for row in rows)]
    return b"".join(_csv_line(line) for line in lines)


def _csv_line(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if hasattr(value, "item"):  # a scalar of numpy or torch
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return repr(value) if math.isfinite(value) else ""
