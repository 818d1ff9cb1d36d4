"""Read the scalars of one run, row by row: slow, tolerant, and what the fast path answers to."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.events import epoch_events, is_epoch, read_events

Row = dict[str, Any]


@dataclass(frozen=True)
class ScalarRows:
    """Rows of a scalars file.

    Attributes
    ----------
    rows
        Cells by column, None where empty, NaN or infinite.
    broken
        Number of lines passed over: with more or fewer cells than the header, whose columns
        can't be told, or with text for a number.
    torn
        Whether the last line was cut short, and passed over too: a number cut short looks like
        another number.
    """

    rows: list[Row] = field(default_factory=list)
    broken: int = 0
    torn: bool = False


_EVENT_FIELDS = (
    "train_loss",
    "val_loss",
    "epoch_time_s",
    "throughput",
    "max_memory_mib",
)


def read_scalar_rows(run_dir: StrPath) -> ScalarRows:
    """Rows of ``facts/scalars.csv``; none where there is no such file.

    Raises
    ------
    RunError
        If the file is there but can't be read.
    """
    path = Path(run_dir) / "facts" / "scalars.csv"
    try:
        return parse_rows(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ScalarRows()
    except OSError as error:
        raise RunError(f"can't read {path}", found=error.strerror) from error


def parse_rows(text: bytes) -> ScalarRows:
    """Rows of the content of a scalars file."""
    whole, _, tail = text.rpartition(b"\n")
    lines = csv.reader(io.StringIO(whole.decode("utf-8", "replace").replace("\0", "")))
    try:
        header, *body = [cells for cells in lines if cells] or [[]]
    except csv.Error:  # a quote that never ends
        return ScalarRows(broken=whole.count(b"\n"), torn=bool(tail))
    if not {"epoch", "split"} <= set(header):
        return ScalarRows(broken=len(body), torn=bool(tail))
    rows = [_row(header, cells) for cells in body]
    kept = [row for row in rows if row is not None]
    return ScalarRows(kept, broken=len(rows) - len(kept), torn=bool(tail))


def rows_from_events(run_dir: StrPath) -> list[Row]:
    """The val rows that the epoch events of a run imply, for a run whose scalars are lost."""
    return [
        {
            "epoch": event["epoch"],
            "split": "val",
            **{name: event[name] for name in _EVENT_FIELDS},
            **_metric_columns(event.get("metrics")),
        }
        for event in epoch_events(read_events(run_dir))
    ]


def is_number(value: Any) -> bool:
    """Whether a value can be a measurement; an integer beyond all floats is none."""
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and abs(value) <= sys.float_info.max


def _metric_columns(metrics: Any) -> Row:
    items = metrics.items() if isinstance(metrics, Mapping) else ()
    return {f"metric_{name}": float(value) for name, value in items if is_number(value)}


def _row(header: list[str], cells: list[str]) -> Row | None:
    try:
        row = {name: _value(name, cell) for name, cell in zip(header, cells, strict=True)}
    except ValueError:
        return None
    return row if is_epoch(row["epoch"]) and row["split"] else None


def _value(name: str, cell: str) -> Any:
    if name == "split":
        return cell
    if not cell:
        return None
    number = float(cell)
    if not math.isfinite(number):
        return None
    return int(number) if name == "epoch" else number
