"""Runs that were recorded offline: folders that the library left, one each time a run was started.

A run that was gone on with has several, of which each holds all that was known when it ended: the
newest is the whole run. Two places with files of one name are two runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from thesis_facts.discovery import find_pointers, is_run_dir
from thesis_facts.errors import RunError
from thesis_loops.tracking.content import wandb_id

_PIECE = re.compile(r"offline-run-(?P<started>\d{8}_\d{6})-.+")


@dataclass(frozen=True)
class OfflineRun:
    """One run and its files, oldest first.

    Attributes
    ----------
    run_id
        At W&B.
    home
        Where its pieces lie, below `wandb/`.
    files
        The library's log of each piece.
    """

    run_id: str
    home: Path
    files: tuple[Path, ...]

    @property
    def run_dir(self) -> Path | None:
        """Directory with the facts of the run, where the pieces lie in it."""
        is_own = is_run_dir(str(self.home)) and wandb_id(self.home) == self.run_id
        return self.home if is_own else None

    @property
    def is_done(self) -> bool:
        """Whether nothing came since it was marked."""
        return all(_is_done(file) for file in self.files)

    def mark(self) -> None:
        """Mark each piece as done, in the way of the library: its own `wandb sync` knows it."""
        for file in self.files:
            try:
                _mark_of(file).touch()
            except OSError as error:
                raise RunError(
                    "sent, but can't be marked as done", key=str(file), found=error
                ) from error


def find_offline_runs(places: Iterable[str]) -> list[OfflineRun]:
    """Offline runs below folders; of a sweep also those of its jobs, wherever they lie.

    By their names; of one name first what lies beside facts.

    Raises
    ------
    RunError
        If there is no such folder.
    """
    files: dict[tuple[str, Path], set[Path]] = {}
    for place in places:
        if not os.path.isdir(place):
            raise RunError("no such folder", key=place)
        jobs = [run_dir for _, run_dir, _ in find_pointers(place)]
        for folder in (place, *jobs):
            for file in map(Path.resolve, _logs_below(folder)):
                home = file.parents[2]  # HOME/wandb/offline-run-…/run-….wandb
                files.setdefault((file.stem.removeprefix("run-"), home), set()).add(file)
    runs = [
        OfflineRun(run_id, home, tuple(sorted(found, key=lambda file: (file.parent.name, file))))
        for (run_id, home), found in files.items()
    ]
    return sorted(runs, key=lambda run: (run.run_id, run.run_dir is None, run.home))


def _logs_below(folder: str) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        if _PIECE.fullmatch(os.path.basename(os.path.abspath(path))):
            folders.clear()
            logs = [name for name in names if name.startswith("run-") and name.endswith(".wandb")]
            yield from (Path(path, name) for name in logs)


def _mark_of(file: Path) -> Path:
    return file.with_suffix(".wandb.synced")


def _is_done(file: Path) -> bool:
    try:
        return _mark_of(file).stat().st_mtime >= file.stat().st_mtime
    except FileNotFoundError:
        return False
