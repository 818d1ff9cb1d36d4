"""Read ``events.jsonl``: all of it, or only the two ends that tell how a run went.

With the histories in every epoch event the file grows with the square of the epochs, so a table
of many runs reads its first line and its last ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.json_objects import parse_object, read_bytes

COMPLETE, CRASHED, INCOMPLETE = "complete", "crashed", "incomplete"

_MOMENT = re.compile(rb'"moment"\s*:\s*"(\w+)"')
_BLOCK = 1 << 14
_MOST_EPOCHS = 1_000_000
_KINDS = {
    "epoch": int,
    "step": int,
    "split": str,
    "error": str,
    "metrics": dict,
    "histories": dict,
    "meta": dict,
    **dict.fromkeys(("train_loss", "val_loss", "epoch_time_s", "total_time_s"), (int, float)),
    **dict.fromkeys(("throughput", "max_memory_mib"), (int, float)),
}
_AFTERWARDS = ("on_train_end", "on_test_end", "on_exception")


@dataclass(frozen=True)
class Outline:
    """How a run went, from the two ends of its events.

    Attributes
    ----------
    first
        The first event, which carries the circumstances of the run.
    last
        The last event that can be read.
    status
        complete (it has an ``on_train_end``), crashed (its last event is an ``on_exception``)
        or incomplete.
    end
        The ``on_train_end``; None where there is none. Its histories are left out, and those of
        ``last``.
    """

    first: dict[str, Any]
    last: dict[str, Any]
    status: str
    end: dict[str, Any] | None

    @property
    def error(self) -> str | None:
        """What the run died of."""
        return self.last.get("error") if self.status == CRASHED else None


def read_events(run_dir: StrPath) -> list[dict[str, Any]]:
    """Read all events of a run in the order of the file.

    A line that is no event is passed over. Of several events of the same moment, epoch, step and
    split the last counts: a resumed run writes an epoch again.

    Raises
    ------
    RunError
        If there is no events file, or it can't be read.
    """
    text = read_bytes(events_file(run_dir))
    if text is None:
        raise RunError("no events", key=events_file(run_dir))
    events: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in text.split(b"\n"):
        event = parse_event(line)
        if event is not None:
            key = tuple(event.get(name) for name in ("moment", "epoch", "step", "split"))
            events.pop(key, None)  # the later one also takes the later place
            events[key] = event
    return list(events.values())


def epoch_events(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Epoch ends that lasted: without those beyond the point where a resumed run went on."""
    lasting: dict[int, dict[str, Any]] = {}
    for event in events:
        epoch = event.get("epoch")
        if event["moment"] != "on_epoch_end" or epoch is None:
            continue
        for later in [known for known in lasting if known >= epoch]:
            del lasting[later]
        lasting[epoch] = event
    return list(lasting.values())


def read_outline(run_dir: StrPath) -> Outline:
    """Read the first event of a run and the last ones.

    Raises
    ------
    RunError
        If there is no events file, or it holds no event.
    """
    with _opened(run_dir) as descriptor:
        first = _first_event(descriptor)
        last, end = _last_events(descriptor)
    if last is None:
        raise RunError("no readable event", key=events_file(run_dir))
    status = COMPLETE if end else CRASHED if last["moment"] == "on_exception" else INCOMPLETE
    return Outline(first or last, last, status, end)


def read_last_histories(run_dir: StrPath) -> dict[str, Any]:
    """Histories of the last event that carries any.

    Raises
    ------
    RunError
        If there is no events file.
    """
    with _opened(run_dir) as descriptor:
        for line in _lines_backwards(descriptor):
            histories = (parse_event(line) or {}).get("histories")
            if isinstance(histories, dict) and histories:
                return histories
    return {}


def events_file(run_dir: StrPath) -> str:
    """Path of the events of a run."""
    return os.path.join(run_dir, "facts", "events.jsonl")


def parse_event(line: bytes) -> dict[str, Any] | None:
    """Event in a line, or None where the line is blank, torn or no event."""
    event = parse_object(line) if line.strip() else None
    if event is None or not isinstance(event.get("moment"), str):
        return None
    for name, kind in _KINDS.items():
        if not isinstance(event.get(name), kind):  # from elsewhere: anything
            event[name] = None
    if not is_epoch(event["epoch"]):
        event["epoch"] = None
    return event


def is_epoch(value: object) -> bool:
    """Whether a value can number an epoch; what is beyond reason would fill the memory."""
    return isinstance(value, int) and 0 <= value < _MOST_EPOCHS


def _first_event(descriptor: int) -> dict[str, Any] | None:
    size, head = 4096, b""
    while b"\n" not in head:
        head = os.pread(descriptor, size, 0)
        if len(head) < size:
            break
        size *= 4
    return parse_event(head.partition(b"\n")[0])


def _last_events(descriptor: int) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Last readable event, and the ``on_train_end`` if nothing was trained after it."""
    last = None
    for line in _lines_backwards(descriptor):
        moment = _moment_of(line)
        if moment is None:
            continue
        if last is None or moment == "on_train_end":
            event = parse_event(_without_histories(line))
            if event is None:  # torn
                continue
            last = last or event
            if moment == "on_train_end":
                return last, event
        if moment not in _AFTERWARDS:
            break
    return last, None


def _moment_of(line: bytes) -> str | None:
    """Moment of a line, mostly without parsing the histories that follow it."""
    match = _MOMENT.search(line, 0, 256)
    if match:
        return match[1].decode()
    event = parse_event(line)
    return event["moment"] if event else None


def _without_histories(line: bytes) -> bytes:
    """Line with its histories cut out, which are most of its length."""
    start = line.find(b'"histories": {')
    end = line.find(b"}", start)  # histories are lists of numbers: no brace inside
    if start < 0 or end < 0:
        return line
    return b"".join((line[:start], b'"histories": {', line[end:]))


def _lines_backwards(descriptor: int) -> Iterator[bytes]:
    position, size, rest = os.lseek(descriptor, 0, os.SEEK_END), _BLOCK, b""
    while position > 0:
        start = max(0, position - size)
        chunk = os.pread(descriptor, position - start, start) + rest
        end = len(chunk)
        while (newline := chunk.rfind(b"\n", 0, end)) >= 0:
            yield chunk[newline + 1 : end]
            end = newline
        rest, position, size = chunk[:end], start, size * 2
    yield rest


@contextmanager
def _opened(run_dir: StrPath) -> Generator[int]:
    path = events_file(run_dir)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError("no events", key=path) from error
    except OSError as error:
        raise RunError(f"can't read {path}", found=error.strerror) from error
