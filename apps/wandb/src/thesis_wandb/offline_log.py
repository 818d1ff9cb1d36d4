"""Read the file in which the library keeps an offline run: records in LevelDB's log format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thesis_facts.errors import RunError

_BLOCK = 32768
_HEADER = 7  # of a fragment: checksum (4), length (2), kind (1)
_MAGIC = b":W&B"
_FULL, _LAST = 1, 4


def read_records(file: Path) -> Iterator[Any]:
    """Records of an offline run, in order; of a torn file those before the tear.

    Raises
    ------
    RunError
        If it is no such file, or can't be read.
    """
    from wandb.proto import wandb_internal_pb2

    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError("can't read", key=str(file), found=error.strerror) from error
    if content[: len(_MAGIC)] != _MAGIC:
        raise RunError("not an offline run of W&B", key=str(file))
    for text, _ in _joined(content):
        record: Any = wandb_internal_pb2.Record()  # ty: ignore[missing-attribute]
        try:
            record.ParseFromString(text)
        except Exception as error:  # that of protobuf, which only the library knows
            raise RunError("holds a record that can't be read", key=str(file)) from error
        yield record


def read_run(file: Path) -> Any:
    """Which run a file holds: project, entity, id, name, …

    Raises
    ------
    RunError
        If it can't be read, or was torn before it said so.
    """
    for record in read_records(file):
        if record.HasField("run"):
            return record.run
    raise RunError("holds no run", key=str(file))


def n_rows_in(file: Path) -> int:
    """How many rows of history a file holds.

    Raises
    ------
    RunError
        As `read_records`.
    """
    return sum(record.HasField("history") for record in read_records(file))


def has_end(file: Path) -> bool:
    """Whether its run was ended; not so while it trains, and where it was killed.

    Raises
    ------
    RunError
        As `read_records`.
    """
    return any(record.HasField("exit") for record in read_records(file))


def copy_whole(file: Path, folder: Path) -> Path:
    """Copy a file up to where it is torn, as the library refuses one that ends within a record."""
    content = file.read_bytes()
    end = max((end for _, end in _joined(content)), default=0)
    copy = folder / file.parent.name / file.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(content[:end])
    return copy


def _joined(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole records and where each ends, of fragments none of which crosses the end of a block."""
    position, parts = _HEADER, b""
    while position + _HEADER <= len(content):
        room = _BLOCK - position % _BLOCK
        if room < _HEADER:  # filled with zeros
            position += room
            continue
        length = int.from_bytes(content[position + 4 : position + 6], "little")
        kind = content[position + 6]
        start = position + _HEADER
        if not _FULL <= kind <= _LAST or start + length > len(content):
            return
        parts += content[start : start + length]
        position = start + length
        if kind in (_FULL, _LAST):
            yield parts, position
            parts = b""
