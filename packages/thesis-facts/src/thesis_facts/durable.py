"""Writes that a crash at any instant can't turn into half a file."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from thesis_facts.errors import RunError
from thesis_facts.strict_json import json_ready

StrPath = str | os.PathLike[str]

_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")  # as `write_atomic` names them


def write_json(path: StrPath, value: Any) -> Path:
    """Write a value as an indented strict-JSON file, atomically."""
    return write_atomic(path, lambda file: file.write(json_text(value, indent=2).encode()))


def json_text(value: Any, indent: int | None = None) -> str:
    """Strict JSON of a value, with a newline at its end; NaN and infinities are null."""
    return json.dumps(json_ready(value), allow_nan=False, ensure_ascii=False, indent=indent) + "\n"


def write_atomic(path: StrPath, write: Callable[[BinaryIO], Any]) -> Path:
    """Write a file so that its name always holds either the old content or all of the new.

    Parameters
    ----------
    path
        Destination; its directory is created.
    write
        Called with a binary file, open for writing under a temporary name beside the destination.

    Raises
    ------
    RunError
        If the file can't be written; the destination is then as it was.
    """
    path = Path(path)
    # unique, so that two writers of one name never write into each other's file
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
    return path


def remove_leftovers(directory: StrPath) -> None:
    """Remove what `write_atomic` could not finish, because its process was killed.

    For whoever holds the directory alone: a file that is being written looks the same.
    """
    for path in Path(directory).glob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def append_whole(descriptor: int, data: bytes) -> None:
    """Append bytes to an open file and sync them.

    Where that fails (a full disk), the part that was written is taken back.
    """
    end = os.lseek(descriptor, 0, os.SEEK_END)
    written = 0
    try:
        while written < len(data):  # a write may be cut short
            written += os.write(descriptor, data[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


@contextmanager
def open_to_append(path: Path) -> Generator[int]:
    """Descriptor of a file, created where missing, that can be read and appended to.

    It has no buffer: one that failed to reach the disk would try again when it is closed.
    """
    with reported(path):
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        if is_new:  # its name too has to survive a power cut, and that of its directory
            _sync_directory(path.parent)
            _sync_directory(path.parent.parent)


@contextmanager
def reported(path: Path) -> Generator[None]:
    """Say in one message which file couldn't be written, and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"can't write {path}", found=reason, do=_ADVICE.get(error.errno)) from error


_ADVICE: dict[int | None, str] = {
    28: "free space on this disk or choose another output root",  # ENOSPC
    122: "free some of your quota or choose another output root",  # EDQUOT
    13: "choose an output root that you may write to",  # EACCES
    30: "choose an output root that is not read-only",  # EROFS
}


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse; the rename itself is done
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
