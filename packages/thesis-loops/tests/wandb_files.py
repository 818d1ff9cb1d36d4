"""Read what the library of W&B writes offline: records of protobuf in LevelDB's log format."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK, _FILE_HEADER, _HEADER = 32768, 7, 7


@dataclass
class OfflineRun:
    """What one file says of its run."""

    run_id: str = ""
    project: str = ""
    entity: str = ""
    name: str = ""
    group: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    preempting: bool = False
    artifacts: list[str] = field(default_factory=list)


def read_offline(folder: Path) -> list[OfflineRun]:
    """The runs in a directory of a mirror, one a piece, in their order."""
    return [_read(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def _read(path: Path) -> OfflineRun:
    found = OfflineRun()
    for record in records(path):
        kind = record.WhichOneof("record_type")
        content = getattr(record, kind)
        if kind == "run":
            found.run_id, found.project, found.entity = (
                content.run_id,
                content.project,
                content.entity,
            )
            found.name, found.group = content.display_name, content.run_group
            found.tags = list(content.tags)
            found.config |= _items(content.config.update)
        elif kind == "config":
            found.config |= _items(content.update)
        elif kind == "history":
            found.history.append(_items(content.item))
        elif kind == "summary":
            found.summary |= _items(content.update)
        elif kind == "exit":
            found.exit_code = content.exit_code
        elif kind == "preempting":
            found.preempting = True
        elif kind == "artifact":
            found.artifacts.append(content.name)
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def records(path: Path) -> Iterator[Any]:
    """Each record of a file."""
    data, position, parts = path.read_bytes(), _FILE_HEADER, b""
    while position + _HEADER <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:  # the rest of a block is padding
            position += left
            continue
        length, kind = (
            int.from_bytes(data[position + 4 : position + 6], "little"),
            data[position + 6],
        )
        parts += data[position + _HEADER : position + _HEADER + length]
        position += _HEADER + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            yield record
            parts = b""
