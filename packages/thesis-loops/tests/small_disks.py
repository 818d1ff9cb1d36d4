"""File systems that are full or read-only: root ignores file modes, so they are mounted."""

import errno
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, n_bytes: int) -> Generator[Path]:
    """A file system of its own at `path`; the test is skipped where none can be mounted."""
    path.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def set_read_only(disk: Path, on: bool) -> None:
    """Mount it anew."""
    _mount("-o", f"remount,{'ro' if on else 'rw'}", str(disk))


def fill(disk: Path, n_free: int) -> None:
    """Leave so many bytes (whole pages) free."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    page = bytes(4096)
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, page)
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - the loop ends by it alone
    finally:
        os.ftruncate(descriptor, max(os.fstat(descriptor).st_size - n_free, 0))
        os.close(descriptor)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
