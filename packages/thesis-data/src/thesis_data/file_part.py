"""The events of a split that one file has, and whether it is still the same file."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import h5py

from thesis_data import h5
from thesis_facts.errors import DataError


@dataclass(frozen=True)
class FileVersion:
    """Size (bytes) and time of the last change (ns): another one means another content."""

    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileVersion":
        status = os.stat(path)
        return cls(status.st_size, status.st_mtime_ns)

    def __str__(self) -> str:
        changed = datetime.fromtimestamp(self.changed_ns / 1e9).isoformat(" ", "seconds")
        return f"{self.size:,} bytes of {changed}"


@dataclass(frozen=True)
class FilePart:
    """The events of a split that one file has.

    Attributes
    ----------
    first_row : int
        Row of its first event, over all files of the data set.
    chunk_rows : int
        Rows that can only be read together.
    """

    path: Path
    dataset: str
    first_row: int
    n_rows: int
    chunk_rows: int
    version: FileVersion

    @contextmanager
    def open(self) -> Generator[h5py.Dataset]:
        """Its events, opened anew: nothing stays open that a fork or a pickle could carry along.

        Raises
        ------
        DataError
            Where the file is gone or is no longer the one that was catalogued.
        """
        self._require_same()
        try:
            with h5.open_events(self.path) as file:
                events = file.get(self.dataset)
                if not isinstance(events, h5py.Dataset) or len(events) != self.n_rows:
                    raise self._lost("other datasets")
                yield events
        except Exception:
            self._require_same()  # what another file made of the reading says nothing
            raise
        self._require_same()  # else it changed while it was read

    def _require_same(self) -> None:
        try:
            found = FileVersion.of(self.path)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        if found != self.version:
            raise self._lost(str(found))

    def _lost(self, found: str) -> DataError:
        return DataError(
            f"{self.path} is no longer the file that was opened",
            key="data.path",
            found=found,
            expected=str(self.version),
            do="put that file back and resume the run, or start a new one",
        )
