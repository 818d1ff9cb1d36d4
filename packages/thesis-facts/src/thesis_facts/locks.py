"""One process at a time in a run directory.

The kernel keeps the lock (``flock``) and frees it when its process dies, however it dies. Some
file systems refuse locks; there the file that names the holder is the lock. It is taken over from
a process of this machine that is gone. Whether a process of another machine is gone nobody can
tell from here: then the user has to delete the file.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from thesis_facts.durable import StrPath, json_text, remove_leftovers, reported, write_json
from thesis_facts.errors import LockedError, RunError
from thesis_facts.json_objects import read_object

log = logging.getLogger(__name__)

_NO_LOCKS_HERE = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_SETTLING_S = 0.3  # on file systems without locks alone
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@contextmanager
def run_lock(run_dir: StrPath) -> Generator[None]:
    """Hold a run directory for this process; what a killed holder left half written is removed.

    Raises
    ------
    LockedError
        If another process holds it; the message names that process and its machine.
    RunError
        If the directory can't be written.

    Examples
    --------
    >>> with run_lock("outputs/runs/run_1"):  # doctest: +SKIP
    ...     train()
    """
    directory = Path(run_dir)
    lock_file = directory / ".lock"
    with reported(lock_file):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with reported(lock_file):
            state = _try_lock(descriptor, fcntl.LOCK_EX)
        if state is False:
            raise _refused(run_dir)
        if state is None:
            _take_holder_file(run_dir)
        else:
            # beside the lock, not in it: whoever asks for the lock opens that file too
            write_json(_holder_file(run_dir), _describe_this_process())
        try:
            for folder in (directory, directory / "facts", directory / "scores"):
                remove_leftovers(folder)
            yield
        finally:
            with suppress(OSError):  # a disk that became read-only; the lock itself is freed
                _holder_file(run_dir).unlink()
    finally:
        os.close(descriptor)


def lock_holder(run_dir: StrPath) -> str | None:
    """Which process holds a run directory now, in words; None where none does.

    Nothing in the directory is touched.
    """
    if not _holder_file(run_dir).exists():  # never get in the way of one that is just starting
        return None
    try:
        descriptor = os.open(Path(run_dir) / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        state = _try_lock(descriptor, fcntl.LOCK_SH)
    except OSError:
        state = False
    finally:
        os.close(descriptor)
    is_free = _is_gone(run_dir) if state is None else state
    return None if is_free else holder_name(run_dir)


def holder_elsewhere(run_dir: StrPath) -> str | None:
    """Other machine whose process a run directory names as its holder; None where it names none.

    A network file system may keep the locks of each machine to itself: from here such a process
    can look gone that lives.
    """
    host = _read_holder(run_dir).get("host")
    return str(host) if host is not None and host != socket.gethostname() else None


def holder_name(run_dir: StrPath) -> str:
    """Which process a run directory names as its holder, in words; it may be gone."""
    holder = _read_holder(run_dir)
    if not holder:
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"


def _try_lock(descriptor: int, kind: int) -> bool | None:
    """Whether the lock is ours now; None where the file system knows no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno in _NO_LOCKS_HERE:
            return None
        raise
    return True


def _take_holder_file(run_dir: StrPath) -> None:
    """Make the file that names the holder, where there is none yet."""
    log.warning("%s is on a file system without locks: .lock.json stands for one", run_dir)
    path, mine = _holder_file(run_dir), _describe_this_process()
    if _is_gone(run_dir):
        path.unlink(missing_ok=True)
    with reported(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            raise _refused(run_dir, f"; if it is gone, delete {path}") from None
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(json_text(mine))
        except OSError:  # a full disk must not look like a holder
            path.unlink(missing_ok=True)
            raise
    # Another process that found the same dead holder may have removed this file for the old one.
    time.sleep(_SETTLING_S)
    if _read_holder(run_dir) != mine:
        raise _refused(run_dir)


def _is_gone(run_dir: StrPath) -> bool:
    """Whether the named holder was a process of this machine that no longer runs."""
    holder = _read_holder(run_dir)
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _refused(run_dir: StrPath, advice: str = "") -> LockedError:
    do = f"wait for it to end, or stop it{advice}"
    return LockedError(f"{run_dir} is in use", found=holder_name(run_dir), do=do)


def _holder_file(run_dir: StrPath) -> Path:
    return Path(run_dir) / ".lock.json"


def _describe_this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _read_holder(run_dir: StrPath) -> dict[str, object]:
    try:
        return read_object(_holder_file(run_dir)) or {}
    except RunError:
        return {}
