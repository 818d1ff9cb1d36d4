"""Files of binned tokens: written beside the file that they were made from, known by attributes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from thesis_data import h5
from thesis_data.binning import Binning, quantile_edges
from thesis_data.config import DataConfig, DatasetNames
from thesis_data.layout import Layout
from thesis_data.vocabulary import MOST_BINS
from thesis_facts.digests import file_digest
from thesis_facts.errors import DataError
from thesis_facts.writers import write_atomic

FORMAT_VERSION = 1

_SPLITS = ("train", "val", "test")
_SIGNAL = 1
_EDGES_FROM_AT_MOST = 1_000_000  # events: 20 million objects tell a quantile to 1e-4 of its share
_ROWS_PER_CHUNK = 4_096


def write_binned_file(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    n_bins: int = 5,
    *,
    background_only: bool = False,
    names: DatasetNames | None = None,
    n_tokens: int = 18,
) -> Binning:
    """Write the events of a file as binned tokens; the name appears when the file is whole.

    Labels and weights are copied, and all datasets keep their names. Memory holds a block of
    events, and pt and eta of at most a million training events; of a larger training split each
    k-th event gives the edges.

    Parameters
    ----------
    path : path
        Destination; a file of this name is an error.
    n_bins : int
        Bins of each quantity.
    background_only : bool
        Take the edges from training events of all processes but 4t.
    names : DatasetNames or None
        Names of the datasets; by default they are looked for in any spelling of X_train, y_val...

    Raises
    ------
    DataError
        The source can't be used, or the destination exists.
    """
    if not 2 <= n_bins <= MOST_BINS:
        raise DataError("bad number of bins", found=n_bins, expected=f"2 to {MOST_BINS}")
    if os.path.lexists(path):
        raise DataError(f"{path} exists already", do="choose another name or delete it")
    with h5.open_events(source, key=None) as file:
        names = names or h5.find_names(file)
        layout = Layout(n_tokens)
        binning = _find_binning(file, names, layout, n_bins, background_only)
        attributes = _attributes(binning, background_only, Path(source))

        # the name alone is used: HDF5 also reads back what it has written
        write_atomic(path, lambda out: _write(out.name, file, names, layout, binning, attributes))
    return binning


def read_binning(file: h5py.File) -> Binning | None:
    """How the tokens of a file were binned; None for a file of ids and numbers.

    Raises
    ------
    DataError
        The file says that it is binned, but not how.
    """
    version = file.attrs.get("binning_version")
    if version is None:
        return None
    edges = [
        np.asarray(file.attrs.get(f"{name}_edges", ()), dtype=np.float64)
        for name in ("pt", "eta", "met")
    ]
    n_bins = file.attrs.get("n_bins")
    if version != FORMAT_VERSION or any(values.shape != (n_bins - 1,) for values in edges):
        raise DataError(
            f"{file.filename} can't be read as binned tokens",
            found=f"version {version}, {n_bins} bins",
            expected=f"version {FORMAT_VERSION}, and the edges of pt, eta and MET",
            do="make it again with `thesis-data bin`",
        )
    return Binning(*edges)


def find_layout(config: DataConfig, files: Sequence[Path]) -> Layout:
    """The columns of the files of a data set, all of them binned alike or none.

    Raises
    ------
    DataError
        The files are not what `data.tokenization` says, or not all binned by the same edges.
    """
    n_globals = config.globals.size if config.globals.present else 0
    binnings = [_checked_binning(path, config) for path in files]
    first = binnings[0]
    if first is None:
        return Layout(config.n_tokens, n_globals)
    for path, other in zip(files, binnings, strict=True):
        if other is not None and not _same(other, first):
            raise DataError(
                f"{path} is binned otherwise than {files[0]}, so that its tokens mean other things",
                key="data.path",
                expected="files that were binned by the same edges",
                do="put the events into one file and bin that",
            )
    return Layout(config.n_tokens, n_globals, first.n_bins)


def _checked_binning(path: Path, config: DataConfig) -> Binning | None:
    with h5.open_events(path) as file:
        binning = read_binning(file)
    if (binning is not None) == (config.tokenization == "binned"):
        return binning
    raise DataError(
        f"{path} does not hold what the configuration expects",
        key="data.tokenization",
        found="a file of binned tokens" if binning else "no file that `thesis-data bin` made",
        expected=config.tokenization,
        do="set data=h5_tokens_binned for this file, or name the file that it was made from"
        if binning
        else f"bin it first: thesis-data bin {path} OUT; or set data=h5_tokens",
    )


def _same(one: Binning, other: Binning) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("pt_edges", "eta_edges", "met_edges")
    )


def _attributes(binning: Binning, background_only: bool, source: Path) -> dict[str, object]:
    return {
        "binning_version": FORMAT_VERSION,
        "n_bins": binning.n_bins,
        "pt_edges": binning.pt_edges,
        "eta_edges": binning.eta_edges,
        "met_edges": binning.met_edges,
        "edges_from": "background" if background_only else "all",
        "source": source.name,
        "source_sha256": file_digest(source),
    }


def _find_binning(
    file: h5py.File, names: DatasetNames, layout: Layout, n_bins: int, background_only: bool
) -> Binning:
    """Edges from the training split."""
    events = _find_events(file, names, "train", layout)
    rows = np.arange(len(events))
    if background_only:
        labels = h5.read_labels(h5.find_dataset(file, names.y_train, "y_train"), "y_train")
        h5.check_lengths(events, len(labels), "x_train")
        rows = np.flatnonzero(labels != _SIGNAL)
    rows = rows[:: -(-len(rows) // _EDGES_FROM_AT_MOST) or 1]
    pt, eta, met = [], [], []
    for ids, objects, globals_ in _blocks(events, layout, "x_train", rows):
        valid = objects[ids > 0]
        pt.append(valid[:, 1])
        eta.append(valid[:, 2])
        met.append(globals_[:, 0].copy())
    if not sum(map(len, pt)):
        raise DataError(
            f"no object to take edges from in {events.name.lstrip('/')} of {file.filename}",
            found=f"{len(rows):,} events{' of the background' if background_only else ''}",
        )
    return Binning(*(quantile_edges(np.concatenate(parts), n_bins) for parts in (pt, eta, met)))


def _write(
    name: str,
    source: h5py.File,
    names: DatasetNames,
    layout: Layout,
    binning: Binning,
    attributes: dict[str, object],
) -> None:
    with h5py.File(name, "w") as out:
        out.attrs.update(attributes)
        for split in _SPLITS:
            if split != "train" and getattr(names, f"x_{split}") not in source:
                continue
            events = _find_events(source, names, split, layout)
            _write_tokens(out, events, layout, binning, f"x_{split}")
            for kind in "yw":
                column = getattr(names, f"{kind}_{split}")
                if column and column in source:
                    source.copy(column, out, name=column)


def _write_tokens(
    out: h5py.File, events: h5py.Dataset, layout: Layout, binning: Binning, key: str
) -> None:
    width = layout.n_tokens + layout.n_globals
    tokens = out.create_dataset(
        events.name,
        (len(events), width),
        np.int16,
        chunks=(max(1, min(len(events), _ROWS_PER_CHUNK)), width),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )
    start = 0
    for ids, objects, globals_ in _blocks(events, layout, key):
        tokens[start : start + len(ids)] = binning.tokens(ids, objects, globals_)
        start += len(ids)


def _find_events(file: h5py.File, names: DatasetNames, split: str, layout: Layout) -> h5py.Dataset:
    events = h5.find_dataset(file, getattr(names, f"x_{split}"), f"x_{split}")
    h5.check_width(events, layout, f"x_{split}")
    return events


def _blocks(
    events: h5py.Dataset, layout: Layout, key: str, rows: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Ids, objects and globals of the events, block by block, all finite."""
    path = events.file.filename
    where = f"{events.name.lstrip('/')} of {path}"
    with h5.reading(path, key):  # else whoever writes takes it for a failure of the writing
        for numbers, values in h5.read_blocks(events, rows):
            h5.check_block(numbers, values, layout, where, key)
            yield layout.ids(values), layout.objects(values), layout.globals(values)
