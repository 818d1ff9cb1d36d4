"""What is known of a split before an event is read: files, processes, which events take part.

Two bytes an event (and four for a weight), however large the events are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from thesis_data import h5
from thesis_data.config import DataConfig
from thesis_data.file_part import FilePart, FileVersion
from thesis_data.layout import Layout
from thesis_data.random import keyed_seed
from thesis_data.tasks import OUTSIDE, build_task
from thesis_data.treatment import balanced_subset
from thesis_facts.errors import DataError

UNLABELLED = -1
"""Class of an event whose file has no labels; its process is 0."""


@dataclass(frozen=True)
class Catalogue:
    """The events of a split, file after file.

    Attributes
    ----------
    process : ndarray
        [N] int8 process label of every row, 0 where there is none.
    chosen : ndarray
        [N] bool, True where the event takes part.
    weights : ndarray or None
        [N] float32 event weights.
    table : ndarray
        [max label + 1] int64: process label -> class index.
    """

    split: str
    parts: tuple[FilePart, ...]
    process: np.ndarray
    chosen: np.ndarray
    weights: np.ndarray | None
    table: np.ndarray

    def __len__(self) -> int:
        return self._n_events

    @cached_property
    def _n_events(self) -> int:
        return int(np.count_nonzero(self.chosen))

    def rows(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows [n] int64 in [start, stop) whose events take part, ascending."""
        return np.flatnonzero(self.chosen[start:stop]) + start

    def class_counts(self, n_classes: int) -> np.ndarray:
        """[C] number of events of each class; events without a label don't count."""
        of_process = np.bincount(self.process[self.chosen], minlength=len(self.table))
        labelled = self.table >= 0
        counts = np.bincount(
            self.table[labelled], weights=of_process[labelled], minlength=n_classes
        )
        return counts.astype(np.int64)


def read_catalogue(
    files: Sequence[Path],
    split: str,
    config: DataConfig,
    layout: Layout,
    require_labels: bool,
    only: Sequence[int] | None = None,
) -> Catalogue:
    """Look into each file: shapes, labels and weights, but no event.

    With `only`, events of other processes take no part.

    Raises
    ------
    DataError
        Where a file can't be read or trained on, or the split lacks a class of the task.
    """
    parts: list[FilePart] = []
    processes: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for path in files:
        with h5.open_events(path) as file:
            first_row = parts[-1].first_row + parts[-1].n_rows if parts else 0
            parts.append(_find_events(file, path, split, first_row, config, layout))
            processes.append(_read_process(file, split, config, parts[-1].n_rows, require_labels))
            weights += _read_weights(file, split, config, parts[-1].n_rows)
    process = _joined(processes)
    where = str(files[0]) if len(files) == 1 else f"{len(files)} files ({files[0]}, …)"
    if len(process) == 0:
        raise DataError(f"the {split} split of {where} is empty", key=f"data.datasets.x_{split}")
    task = build_task(config.classifier)
    if only is not None:
        task = task.only(only)
    table = task.table.copy()
    table[0] = UNLABELLED
    chosen = (table != OUTSIDE)[process]
    catalogue = Catalogue(
        split, tuple(parts), process, chosen, _joined(weights) if weights else None, table
    )
    if process.any():  # else nothing is labelled
        counts = catalogue.class_counts(len(task.class_names))
        task.check_all_present(counts, split, where)
    if limit := config.limit(split):
        rows = catalogue.rows()
        seed = keyed_seed(config.seed, "subset", split)
        chosen[:] = False
        chosen[rows[balanced_subset(table[process[rows]], limit, seed)]] = True
    return catalogue


def _find_events(
    file: h5py.File,
    path: Path,
    split: str,
    first_row: int,
    config: DataConfig,
    layout: Layout,
) -> FilePart:
    key, name = f"data.datasets.x_{split}", getattr(config.datasets, f"x_{split}")
    events = h5.find_dataset(file, name, key)
    h5.check_width(events, layout, key)
    version = FileVersion.of(path)
    return FilePart(path, name, first_row, len(events), h5.chunk_rows(events), version)


def _read_process(
    file: h5py.File, split: str, config: DataConfig, n_events: int, required: bool
) -> np.ndarray:
    key, name = f"data.datasets.y_{split}", getattr(config.datasets, f"y_{split}")
    if not required and (name is None or name not in file):
        return np.zeros(n_events, dtype=np.int8)
    dataset = h5.find_dataset(file, name, key)
    h5.check_lengths(dataset, n_events, key)
    return h5.read_labels(dataset, key)


def _read_weights(
    file: h5py.File, split: str, config: DataConfig, n_events: int
) -> list[np.ndarray]:
    key, name = f"data.datasets.w_{split}", getattr(config.datasets, f"w_{split}")
    if name is None:
        return []
    dataset = h5.find_dataset(file, name, key)
    h5.check_lengths(dataset, n_events, key)
    return [h5.read_weights(dataset, key)]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """One array of several, the only one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
