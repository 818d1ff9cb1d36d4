"""From H5 files to the splits that a training loop iterates over."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thesis_data.binned_file import find_layout
from thesis_data.catalogue import read_catalogue
from thesis_data.config import DataConfig
from thesis_data.events import EventSplit
from thesis_data.layout import Layout
from thesis_data.reading import EventReader
from thesis_data.streaming import StreamedSplit
from thesis_data.tasks import build_task
from thesis_data.toy_dataset import ensure_dataset
from thesis_facts.errors import DataError

SPLITS = ("train", "val", "test")

Split = EventSplit | StreamedSplit
"""Events in memory or streamed from disk: batches come from both alike."""


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
    vocab_size : int or None
        Binned tokens are numbers below it, 0 padding; None where an object is an id and numbers.
    """

    splits: dict[str, Split]
    class_names: tuple[str, ...]
    cont_features: tuple[int, ...]
    n_tokens: int
    vocab_size: int | None = None

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def train(self) -> Split:
        return self._split("train")

    @property
    def val(self) -> Split:
        return self._split("val")

    @property
    def test(self) -> Split:
        return self._split("test")

    def _split(self, name: str) -> Split:
        if name not in self.splits:
            raise DataError(
                f"the {name} split was not loaded", found=", ".join(self.splits) or "no split"
            )
        return self.splits[name]


def load_events(
    config: DataConfig,
    splits: Sequence[str] = SPLITS,
    require_labels: bool = True,
    only: Sequence[int] | None = None,
) -> EventData:
    """Read the splits, keep the events of the task, put their objects in order.

    A split that would take more memory than `config.memory_budget_gib` is streamed instead.
    A toy sample (`config.synthetic`) is made first if its file is not there yet.

    Parameters
    ----------
    splits : sequence of str
        Which of train, val, test; the others are not read.
    require_labels : bool
        Scoring takes events whose label dataset is missing (with label -1); training never does.
    only : sequence of int or None
        Process labels of the events to read; the classes stay those of the task.
    """
    files = ensure_dataset(config)
    layout = find_layout(config, files)
    loaded = {
        name: _load_split(files, name, config, layout, require_labels, only) for name in splits
    }
    class_names = build_task(config.classifier).class_names
    vocab_size = len(layout.vocabulary) if layout.vocabulary else None
    return EventData(loaded, class_names, config.cont_features, config.n_tokens, vocab_size)


def _load_split(
    files: Sequence[Path],
    split: str,
    config: DataConfig,
    layout: Layout,
    require_labels: bool,
    only: Sequence[int] | None,
) -> Split:
    """The events themselves where they fit into the budget, else what streams them."""
    catalogue = read_catalogue(files, split, config, layout, require_labels, only)
    reader = EventReader(catalogue, layout, config.cont_features, config.token_order, config.seed)
    budget = int(config.memory_budget_gib * 2**30)
    if len(catalogue) * reader.event_bytes <= budget:
        return reader.read_all()
    return StreamedSplit.within(budget, reader)
