"""From an H5 file to the splits that a training loop iterates over."""

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
import torch

from thesis_data import h5
from thesis_data.config import DataConfig
from thesis_data.events import EventSplit
from thesis_data.random import keyed_seed
from thesis_data.tasks import OUTSIDE, Task, build_task
from thesis_data.toy_dataset import ensure_dataset
from thesis_data.treatment import arrange_tokens, balanced_subset
from thesis_facts.errors import DataError

SPLITS = ("train", "val", "test")

_UNLABELLED = -1


@dataclass
class EventData:
    """The splits that were loaded and what their numbers mean.

    Attributes
    ----------
    splits : dict
        "train", "val" and "test", as far as they were asked for.
    class_names : tuple of str
        Name of each class index.
    cont_features : tuple of int
        Which of (E, pt, eta, phi) the columns of `tokens_cont` are.
    n_tokens : int
        Most objects that an event can have.
    """

    splits: dict[str, EventSplit]
    class_names: tuple[str, ...]
    cont_features: tuple[int, ...]
    n_tokens: int

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def train(self) -> EventSplit:
        return self._split("train")

    @property
    def val(self) -> EventSplit:
        return self._split("val")

    @property
    def test(self) -> EventSplit:
        return self._split("test")

    def _split(self, name: str) -> EventSplit:
        if name not in self.splits:
            raise DataError(
                f"the {name} split was not loaded", found=", ".join(self.splits) or "no split"
            )
        return self.splits[name]


def load_events(
    config: DataConfig, splits: Sequence[str] = SPLITS, require_labels: bool = True
) -> EventData:
    """Read the splits, keep the events of the task, put their objects in order.

    A toy sample (`config.synthetic`) is made first if its file is not there yet.

    Parameters
    ----------
    splits : sequence of str
        Which of train, val, test; the others are not read.
    require_labels : bool
        Scoring takes events whose label dataset is missing (with label -1); training never does.
    """
    task = build_task(config.classifier)
    with h5.open_events(ensure_dataset(config)) as file:
        loaded = {name: _load_split(file, name, config, task, require_labels) for name in splits}
    return EventData(loaded, task.class_names, config.cont_features, config.n_tokens)


def _load_split(
    file: h5py.File, split: str, config: DataConfig, task: Task, require_labels: bool
) -> EventSplit:
    layout = h5.Layout(config.n_tokens, config.globals.size if config.globals.present else 0)
    key = f"data.datasets.x_{split}"
    events = h5.find_dataset(file, getattr(config.datasets, f"x_{split}"), key)
    h5.check_width(events, layout, key)
    if len(events) == 0:
        raise DataError(f"the {split} split of {file.filename} is empty", key=key)

    process = _read_process(file, split, config, len(events), require_labels)
    if process is None:
        process, classes = np.zeros(len(events), np.int64), np.full(len(events), _UNLABELLED)
    else:
        classes = task.classes(process)
        task.check_all_present(classes[classes != OUTSIDE], split, file.filename)
    rows = _choose_rows(classes, split, config)

    weights = _read_weights(file, split, config, len(events))
    ids, globals_, objects = _read_tokens(events, rows, layout, config, split)
    return EventSplit(
        tokens_cont=torch.from_numpy(objects),
        tokens_id=torch.from_numpy(ids),
        globals=torch.from_numpy(globals_),
        label=torch.from_numpy(classes[rows]),
        weight=None if weights is None else torch.from_numpy(weights[rows]),
        process=torch.from_numpy(process[rows].astype(np.int8)),
        row=torch.from_numpy(rows),
        cont_features=config.cont_features,
    )


def _choose_rows(classes: np.ndarray, split: str, config: DataConfig) -> np.ndarray:
    """Rows [n] of the events to load, ascending."""
    rows = np.flatnonzero(classes != OUTSIDE)
    if config.limit_samples:
        seed = keyed_seed(config.seed, "subset", split)
        rows = rows[balanced_subset(classes[rows], config.limit_samples, seed)]
    return rows


def _read_process(
    file: h5py.File, split: str, config: DataConfig, n_events: int, required: bool
) -> np.ndarray | None:
    key, name = f"data.datasets.y_{split}", getattr(config.datasets, f"y_{split}")
    if not required and (name is None or name not in file):
        return None
    dataset = h5.find_dataset(file, name, key)
    h5.check_lengths(dataset, n_events, key)
    return h5.read_labels(dataset, key)


def _read_weights(
    file: h5py.File, split: str, config: DataConfig, n_events: int
) -> np.ndarray | None:
    key, name = f"data.datasets.w_{split}", getattr(config.datasets, f"w_{split}")
    if name is None:
        return None
    dataset = h5.find_dataset(file, name, key)
    h5.check_lengths(dataset, n_events, key)
    return h5.read_weights(dataset, key)


def _read_tokens(
    events: h5py.Dataset, rows: np.ndarray, layout: h5.Layout, config: DataConfig, split: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids [N, T] int8, globals [N, G] and objects [N, T, F] float32 of the chosen rows."""
    ids = np.empty((len(rows), layout.n_tokens), dtype=np.int8)
    globals_ = np.empty((len(rows), layout.n_globals), dtype=np.float32)
    columns = list(config.cont_features)
    objects = np.empty((len(rows), layout.n_tokens, len(columns)), dtype=np.float32)
    seed = keyed_seed(config.seed, split)
    where, start = f"{events.name.lstrip('/')} of {events.file.filename}", 0
    for block_rows, values in h5.read_blocks(events, rows):
        h5.check_block(block_rows, values, layout, where, f"data.datasets.x_{split}")
        block = slice(start, start + len(values))
        start = block.stop
        ids[block], arranged = arrange_tokens(
            layout.ids(values).astype(np.int8),
            layout.objects(values),
            block_rows,
            config.token_order,
            seed,
        )
        objects[block] = arranged[..., columns]
        globals_[block] = layout.globals(values)
    return ids, globals_, objects
