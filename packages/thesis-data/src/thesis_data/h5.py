"""H5 files of events: opened, and read in blocks of rows, each refused with a reason.

Only the datasets asked for are read, a block of rows at a time, so that memory holds the result
and one block.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from thesis_data.config import DatasetNames
from thesis_data.layout import Layout
from thesis_facts.errors import DataError
from thesis_facts.processes import PROCESSES

BINNED_WIDTH = 20

_BLOCK_ROWS = 4_096
_BLOCK_LABELS = 1 << 20


@contextmanager
def open_events(
    path: str | os.PathLike[str], key: str | None = "data.path"
) -> Generator[h5py.File, None, None]:
    """Open an H5 file; what cannot be opened or read is a `DataError` about `key`.

    No lock is taken: there are file systems that refuse locks, and a reader needs none, since
    whoever changes a file in use is found out by `FilePart.open`.
    """
    path = Path(path)
    with reading(path, key):
        if not path.is_file():
            raise DataError(
                f"{path} is not a file" if path.exists() else f"{path} does not exist",
                key=key,
                do="check the path; a relative one starts where the command is run",
            )
        with h5py.File(path, "r", locking=False) as file:
            yield file


@contextmanager
def reading(path: str | os.PathLike[str], key: str | None) -> Generator[None]:
    """Whatever can't be read inside is a `DataError` about this file and `key`."""
    path = Path(path)
    try:
        yield
    except OSError as error:
        found, do = _why_unreadable(path, error)
        raise DataError(
            f"{path} cannot be read as H5",
            key=key,
            found=found,
            expected="a complete H5 file",
            do=do,
        ) from error


def find_dataset(file: h5py.File, name: str | None, key: str) -> h5py.Dataset:
    """The dataset of this name; a missing one is an error that lists what is there."""
    found = file.get(name) if name else None
    if isinstance(found, h5py.Dataset):
        return found
    near = [other for other in file if name and other.lower() == name.lower()]
    raise DataError(
        f"{file.filename} has no dataset {name!r}",
        key=key,
        found=", ".join(file) or "an empty file",
        expected=f"a dataset of the name that {key} gives",
        do=f"set {key}={near[0]}" if near else f"set {key} to the right name",
    )


def find_names(file: h5py.File) -> DatasetNames:
    """The usual dataset names in whatever upper and lower case the file has them."""
    spellings = {name.lower(): name for name in file}
    keys = (f"{kind}_{split}" for kind in "xyw" for split in ("train", "val", "test"))
    return DatasetNames(**{key: spellings[key] for key in keys if key in spellings})


def check_width(dataset: h5py.Dataset, layout: Layout, key: str) -> None:
    """Refuse a dataset that is not [N, width] numbers."""
    if dataset.ndim == 2 and dataset.shape[1] == layout.width and dataset.dtype.kind in "fiu":
        return
    binned = not layout.n_bins and dataset.shape[1:] == (BINNED_WIDTH,)
    raise DataError(
        f"{_where(dataset)} is no array of events",
        key=key,
        found=f"{dataset.dtype} {list(dataset.shape)}"
        + (" (20 columns are a file of binned tokens)" if binned else ""),
        expected=f"numbers [N, {layout.width}]: {layout.describe()}",
        do="name the file that it was made from, and bin that with `thesis-data bin`"
        if binned
        else "check data.n_tokens and data.globals.present, or convert the file",
    )


def read_labels(dataset: h5py.Dataset, key: str) -> np.ndarray:
    """Process labels [N] int8, each one of the known processes."""
    if dataset.ndim != 1 or dataset.dtype.kind not in "fiu":
        raise DataError(
            f"{_where(dataset)} does not hold labels",
            key=key,
            found=f"{dataset.dtype} {list(dataset.shape)}",
            expected="one number per event",
        )
    labels = np.empty(len(dataset), dtype=np.int8)
    for start in range(0, len(dataset), _BLOCK_LABELS):
        raw = dataset[start : start + _BLOCK_LABELS]
        if not np.isin(raw, list(PROCESSES)).all():
            raise _unknown_labels(dataset, key)
        labels[start : start + len(raw)] = raw
    return labels


def read_weights(dataset: h5py.Dataset, key: str) -> np.ndarray:
    """Event weights [N] float32, any sign, all finite."""
    weights = dataset.astype(np.float32)[:] if dataset.dtype.kind in "fiu" else None
    if weights is None or weights.ndim != 1 or not np.isfinite(weights).all():
        raise DataError(
            f"{_where(dataset)} does not hold event weights",
            key=key,
            found=f"{dataset.dtype} {list(dataset.shape)}, or values that are not finite",
            expected="one finite number per event",
        )
    return weights


def check_lengths(dataset: h5py.Dataset, n_events: int, key: str) -> None:
    """Refuse labels or weights of another number of events."""
    if len(dataset) != n_events:
        raise DataError(
            f"{_where(dataset)} does not fit to the events",
            key=key,
            found=f"{len(dataset)} entries",
            expected=f"{n_events}, one per event",
            do="check that both datasets are of the same split",
        )


def read_blocks(
    dataset: h5py.Dataset, rows: np.ndarray | None = None, start: int = 0, stop: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the chosen rows of [start, stop) (ascending; all by default) block by block.

    Yields
    ------
    rows : ndarray
        [n] row numbers of the block.
    values : ndarray
        [n, width] float32.
    """
    step, end = _block_rows(dataset), len(dataset) if stop is None else stop
    as_float = dataset.astype(np.float32)
    for first in range(start, end, step):
        last = min(first + step, end)
        if rows is None:
            yield np.arange(first, last), as_float[first:last]
            continue
        low, high = np.searchsorted(rows, (first, last))
        if low == high:
            continue
        block, wanted = as_float[first:last], rows[low:high]
        yield wanted, block if len(wanted) == len(block) else block[wanted - first]


def chunk_rows(dataset: h5py.Dataset) -> int:
    """Rows that are stored, and so read, together; 1 where any row can be read alone."""
    return dataset.chunks[0] if dataset.chunks else 1


def check_block(rows: np.ndarray, values: np.ndarray, layout: Layout, where: str, key: str) -> None:
    """Refuse values that are not finite, and ids or tokens that are none."""
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values).all(1)
        row, column = int(bad.argmax()), int(np.isfinite(values[bad.argmax()]).argmin())
        raise DataError(
            f"{where} has values that are not finite",
            key=key,
            found=f"{values[row, column]} in row {rows[row]}, column {column}",
            expected="finite numbers everywhere",
            do="repair or drop such events; `thesis-data validate` counts them",
        )
    for columns, allowed, what in layout.whole_numbers():
        ids = values[:, columns]
        if ids.min() >= allowed[0] and ids.max() <= allowed[-1] and (ids == np.floor(ids)).all():
            continue
        bad = (ids < allowed[0]) | (ids > allowed[-1]) | (ids != np.floor(ids))
        row = int(bad.any(1).argmax())
        raise DataError(
            f"{where} has unknown {what}",
            key=key,
            found=f"{ids[row][bad[row]][0]:g} in row {rows[row]}",
            expected=f"{allowed[0]} to {allowed[-1]} in columns {columns.start} to "
            f"{columns.stop - 1}",
            do="check the order of columns; `thesis-data validate` counts such events",
        )


def _unknown_labels(dataset: h5py.Dataset, key: str) -> DataError:
    raw = dataset[:]
    outside = ~np.isin(raw, list(PROCESSES))
    known = ", ".join(f"{label} {name}" for label, name in PROCESSES.items())
    return DataError(
        f"{_where(dataset)} has labels outside the map",
        key=key,
        found=f"{', '.join(f'{x:g}' for x in np.unique(raw[outside])[:5])} "
        f"({outside.sum():,} of {len(raw):,} events, the first in row {int(outside.argmax())})",
        expected=known,
        do="relabel or drop these events",
    )


def _why_unreadable(path: Path, error: OSError) -> tuple[str, str]:
    """What was found, and what to do about it."""
    if isinstance(error, PermissionError):
        return "a file that you may not read", "ask its owner for permission"
    if not h5py.is_hdf5(path):
        return "no H5 signature at its beginning", "name an H5 file"
    return str(error), "copy or write it again"


def _block_rows(dataset: h5py.Dataset) -> int:
    """Rows of a block, in whole storage chunks: else a chunk is decompressed more than once."""
    chunk = chunk_rows(dataset)
    return chunk * max(1, _BLOCK_ROWS // chunk)


def _where(dataset: h5py.Dataset) -> str:
    return f"{dataset.name.lstrip('/')} of {dataset.file.filename}"
