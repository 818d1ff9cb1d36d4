"""Small files of invented but physical events."""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import settings

from thesis_data.layout import Layout

# a busy machine is no failure, so no deadline
settings.register_profile("thesis-data", deadline=None, max_examples=40)
settings.load_profile("thesis-data")

LAYOUT = Layout()
NAMES = {
    "train": ("X_train", "Y_train"),
    "val": ("X_val", "y_val"),
    "test": ("X_test", "y_test"),
}


def draw_rows(n_events: int, seed: int = 0) -> np.ndarray:
    """[N, 92] float32: 1 to 18 objects in no order of pt, padding zero."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n_events, LAYOUT.width), dtype=np.float32)
    valid = np.arange(LAYOUT.n_tokens) < rng.integers(1, LAYOUT.n_tokens + 1, (n_events, 1))
    shape = (n_events, LAYOUT.n_tokens)
    pt = 20 + rng.exponential(60, shape)
    eta, phi = rng.uniform(-2.5, 2.5, shape), rng.uniform(-np.pi, np.pi, shape)
    energy = np.hypot(pt * np.cosh(eta), rng.exponential(10, shape))
    LAYOUT.ids(rows)[:] = np.where(valid, rng.integers(1, 8, shape), 0)
    LAYOUT.globals(rows)[:, 0] = rng.exponential(60, n_events)
    LAYOUT.globals(rows)[:, 1] = rng.uniform(-np.pi, np.pi, n_events)
    LAYOUT.objects(rows)[:] = np.stack([energy, pt, eta, phi], axis=-1) * valid[..., None]
    return rows


@pytest.fixture(scope="session")
def rows() -> Callable[..., np.ndarray]:
    return draw_rows


@pytest.fixture(scope="session")
def datasets() -> Callable[..., dict[str, np.ndarray]]:
    """Arrays of a sound file, by dataset name; labels 1..5, half of them 1."""

    def make(n_train: int = 300, n_other: int = 100, seed: int = 0) -> dict[str, np.ndarray]:
        arrays = {}
        for number, (split, (events, labels)) in enumerate(NAMES.items()):
            n_events = n_train if split == "train" else n_other
            rng = np.random.default_rng((seed, number))
            arrays[events] = draw_rows(n_events, seed=100 * seed + number)
            arrays[labels] = rng.choice([1, 1, 1, 1, 2, 3, 4, 5], n_events).astype(np.float32)
        return arrays

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write arrays to an H5 file; `write(arrays, X_val=other)` replaces one, None leaves it out."""

    def write_file(
        arrays: dict[str, np.ndarray], name: str = "events.h5", **changes: np.ndarray | None
    ) -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for key, values in {**arrays, **changes}.items():
                if values is not None:
                    chunks = (64, min(6, values.shape[1])) if values.ndim == 2 else None
                    chunks = chunks if len(values) > 64 else None
                    file.create_dataset(key, data=values, chunks=chunks)
        return path

    return write_file


@pytest.fixture
def sound_file(datasets, write) -> Path:
    return write(datasets())


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """`with as_nobody():` file modes count inside, also where the tests run as root."""

    @contextmanager
    def drop() -> Generator[None]:
        if os.geteuid() != 0:
            yield
            return
        for folder in (tmp_path, *list(tmp_path.parents)[:3]):
            folder.chmod(folder.stat().st_mode | 0o055)  # pytest closes its own to others
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
