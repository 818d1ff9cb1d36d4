"""A toy sample as an ordinary H5 file that says what it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from thesis_data.h5 import open_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.generate import LAYOUT, default_shares, toy_blocks
from thesis_facts.errors import DataError
from thesis_facts.writers import write_atomic

GENERATOR_VERSION = 1
"""Raised by every change that gives other events for the same config."""

SPLITS = (0.8, 0.1, 0.1)
DATASET_NAMES = (("X_train", "Y_train"), ("X_val", "y_val"), ("X_test", "y_test"))

_ATTRIBUTE = "toy_parameters"
_ROWS_PER_CHUNK = 2048


def write_toy_dataset(
    path: str | Path, config: ToyConfig, splits: tuple[float, float, float] = SPLITS
) -> Path:
    """Simulate a sample and write it in the H5 layout; the name appears when the file is whole.

    Parameters
    ----------
    path : path
        Destination; a file of this name is replaced.
    config : ToyConfig
        What to simulate; it is kept in the file (`read_toy_parameters`).
    splits : tuple of float
        Shares of train, val and test; they add up to one.

    Examples
    --------
    >>> path = write_toy_dataset("toy.h5", ToyConfig(n_events=100, seed=1))
    >>> read_toy_parameters(path) == toy_parameters(ToyConfig(n_events=100, seed=1))
    True
    """
    sizes = _split_sizes(config.n_events, splits)
    # the name alone is used: HDF5 also reads back what it has written
    return write_atomic(path, lambda file: _write_file(file.name, config, splits, sizes))


def toy_parameters(
    config: ToyConfig, splits: tuple[float, float, float] = SPLITS
) -> dict[str, object]:
    """All that a toy file depends on, in plain JSON types."""
    return {
        "generator_version": GENERATOR_VERSION,
        "config": config.model_dump(mode="json"),
        "splits": list(splits),
    }


def read_toy_parameters(path: str | Path) -> dict[str, object] | None:
    """The parameters that a toy file was made from; None for any other H5 file."""
    with open_events(path) as file:
        text = file.attrs.get(_ATTRIBUTE)
    return None if text is None else json.loads(text)


def _write_file(
    name: str, config: ToyConfig, splits: tuple[float, float, float], sizes: list[int]
) -> None:
    with h5py.File(name, "w") as file:
        file.attrs["source"] = "toy Monte Carlo of thesis-data, not for physics results"
        file.attrs["units"] = "GeV, rad"
        file.attrs[_ATTRIBUTE] = json.dumps(toy_parameters(config, splits))
        targets = [
            _create_split(file, x, y, size)
            for (x, y), size in zip(DATASET_NAMES, sizes, strict=True)
        ]
        first_rows = np.cumsum([0, *sizes])
        start = 0
        blocks = toy_blocks(
            config.n_events,
            seed=config.seed,
            shares=default_shares(config.signal_fraction),
            detector=config.detector,
        )
        for block in blocks:
            for split, rows, part in _overlaps(first_rows, start, start + len(block)):
                targets[split][0][rows] = block.x[part]
                targets[split][1][rows] = block.labels[part]
            start += len(block)


def _create_split(
    file: h5py.File, x_name: str, y_name: str, size: int
) -> tuple[h5py.Dataset, h5py.Dataset]:
    """Empty datasets of events and labels; padding makes them worth compressing."""
    chunk = max(1, min(size, _ROWS_PER_CHUNK))
    events = file.create_dataset(
        x_name,
        (size, LAYOUT.width),
        np.float32,
        chunks=(chunk, LAYOUT.width),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )
    return events, file.create_dataset(y_name, (size,), np.int64)


def _overlaps(first_rows: np.ndarray, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
    """Where the events [start, stop) go: split, its rows, and the part of the block."""
    for split, (first, end) in enumerate(pairwise(first_rows)):
        low, high = max(start, first), min(stop, end)
        if low < high:
            yield split, slice(low - first, high - first), slice(low - start, high - start)


def _split_sizes(n_events: int, splits: tuple[float, float, float]) -> list[int]:
    """Events of each split; rounding never loses one."""
    if len(splits) != 3 or min(splits) < 0 or abs(sum(splits) - 1.0) > 1e-9:
        raise DataError(
            "shares of the splits make no sense",
            key="splits",
            found=splits,
            expected="three shares, none negative, that add up to one",
        )
    edges = np.rint(np.cumsum([0.0, *splits]) * n_events).astype(int)
    return np.diff(edges).tolist()
