"""Who holds a directory that is watched, asked without getting in anyone's way."""

from __future__ import annotations

import os
from dataclasses import dataclass

from thesis_facts.durable import StrPath
from thesis_facts.locks import holder_elsewhere, holder_name, lock_holder

FileState = tuple[int, int, int]  # inode, bytes, time of the last change (ns)


@dataclass(frozen=True)
class Holder:
    """A process that holds a directory.

    Attributes
    ----------
    name
        Which process it is, in words.
    elsewhere
        Its machine, where that is not this one; it may be gone then, which can't be told from here.
    since
        When it wrote its name (s since the epoch).
    """

    name: str
    elsewhere: str | None
    since: float


class WatchedLock:
    """Follow the lock of a run or of a sweep.

    Asking takes the lock for an instant, which may be the one in which the directory is gone on
    with: a holder that was once found gone is not asked for again.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._gone: FileState | None = None

    def holder(self) -> Holder | None:
        """Who holds it now."""
        named = file_state(os.path.join(self.directory, ".lock.json"))
        if named is None or named == self._gone:
            return None
        elsewhere = holder_elsewhere(self.directory)
        if elsewhere is None and lock_holder(self.directory) is None:
            self._gone = named
            return None
        return Holder(holder_name(self.directory), elsewhere, named[2] / 1e9)

    @property
    def was_ever_held(self) -> bool:
        """Whether anyone held it before; earlier code kept no lock."""
        return os.path.exists(os.path.join(self.directory, ".lock"))


def file_state(path: StrPath) -> FileState | None:
    """What changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
