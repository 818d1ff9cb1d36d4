"""The digest of a file's content, kept for large files: at 100 GB it takes minutes."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from contextlib import suppress
from typing import Any

from thesis_facts.durable import StrPath, write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object

_KEPT_FROM = 64 << 20  # bytes; below it hashing is as good as instant
_SAID_FROM = 1 << 30  # bytes; hashing this much takes seconds, so say what is going on
_SETTLED_AFTER = 5_000_000_000  # ns; file systems tell times apart by up to two seconds

log = logging.getLogger(__name__)


def file_digest(path: StrPath) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    That of a large file is kept under ``thesis-ml/digests`` in the user's cache folder, and taken
    from there as long as the file has the same size, times and inode. It is not kept of a file
    that changed seconds ago, whose times could be those of one more change. A cache that can't be
    read or written is done without.

    Raises
    ------
    OSError
        The file can't be read.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size < _KEPT_FROM:
            return hashlib.file_digest(file, "sha256").hexdigest()
        version = _version(os.path.realpath(path), status)
        known = _recall(version)
        if known is not None:
            return known
        if status.st_size >= _SAID_FROM:
            log.info("hashing %s (%.1f GB)", path, status.st_size / 1e9)
        begun = time.time_ns()
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        last_change = max(status.st_mtime_ns, status.st_ctime_ns)
        unchanged = _version(version["path"], os.fstat(file.fileno())) == version
        if unchanged and begun - last_change > _SETTLED_AFTER:
            _keep(version, digest)
        return digest


def _version(path: str, status: os.stat_result) -> dict[str, Any]:
    """What changes where the content does; the time of the last change no program can set."""
    return {
        "path": path,
        "size": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "changed_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def _recall(version: dict[str, Any]) -> str | None:
    """Digest that was kept of this version of a file."""
    entry = _entry(version["path"])
    known = None
    if entry is not None:
        with suppress(RunError):
            known = read_object(entry)
    digest = (known or {}).get("sha256")
    if known != {**version, "sha256": digest} or not isinstance(digest, str):
        return None
    return digest if re.fullmatch("[0-9a-f]{64}", digest) else None


def _keep(version: dict[str, Any], digest: str) -> None:
    entry = _entry(version["path"])
    if entry is not None:
        with suppress(RunError):
            write_json(entry, {**version, "sha256": digest})


def _entry(path: str) -> str | None:
    """Where the digest of a file is kept: a file each, so that no writer waits for another."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.expanduser("~/.cache")
    if not os.path.isabs(folder):  # nobody's home
        return None
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return os.path.join(folder, "thesis-ml", "digests", f"{name}.json")
