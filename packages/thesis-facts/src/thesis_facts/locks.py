"""One process at a time in a run directory."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from thesis_facts.durable import StrPath, reported, write_json
from thesis_facts.errors import LockedError, RunError
from thesis_facts.json_objects import read_object


@contextmanager
def run_lock(run_dir: StrPath) -> Generator[None]:
    """Hold a run directory for this process; the kernel frees it if the process dies.

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
    lock_file = Path(run_dir) / ".lock"
    with reported(lock_file):
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise LockedError(
                f"{run_dir} is in use",
                found=_holder(run_dir),
                do="wait for it to end, or stop it",
            ) from None
    try:
        # beside the lock, not in it: a second process empties the lock file when it tries
        write_json(_holder_file(run_dir), _describe_this_process())
        yield
    finally:
        _holder_file(run_dir).unlink(missing_ok=True)
        lock.release()


def _holder_file(run_dir: StrPath) -> Path:
    return Path(run_dir) / ".lock.json"


def _describe_this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _holder(run_dir: StrPath) -> str:
    try:
        holder = read_object(_holder_file(run_dir))
    except RunError:
        holder = None
    if holder is None:
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"
