"""One value an epoch of everything that a run followed, wherever its facts hold it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from thesis_facts.durable import StrPath
from thesis_facts.events import epoch_events, read_events
from thesis_facts.scalars import is_number, read_scalar_rows

History = list[float | None]
Value = tuple[str, int, Any]

_PER_EPOCH = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")


def read_histories(run_dir: StrPath) -> dict[str, History]:
    """Read the histories of a run: by name, one value per epoch, None where unknown.

    The same answer comes out whether the events carry histories in every epoch, only at the end,
    or, for a run that never came to its end, nowhere: what the histories lack is taken from the
    epoch events, and what those lack from the scalars.

    Parameters
    ----------
    run_dir
        Directory of the run.

    Returns
    -------
    dict of str to list
        E.g. ``train_loss``, ``val_loss``, ``val_auroc``, ``epoch_time_s``; all of one length.

    Raises
    ------
    RunError
        If the run has no events that can be read.
    """
    events = read_events(run_dir)
    values: dict[str, dict[int, Any]] = defaultdict(dict)
    length = 0
    # weakest source first, so that a stronger one replaces it
    for sources in (_from_scalars(run_dir), _from_epochs(events), _from_histories(events)):
        for name, epoch, value in sources:
            length = max(length, epoch + 1)
            if is_number(value):
                values[name][epoch] = value
    return {name: [history.get(e) for e in range(length)] for name, history in values.items()}


def _from_scalars(run_dir: StrPath) -> Iterator[Value]:
    for row in read_scalar_rows(run_dir).rows:
        split = row["split"]
        if split == "test":  # once, at the end: no history
            continue
        for column, value in row.items():
            if column in _PER_EPOCH:
                yield column, row["epoch"], value
            elif column.startswith("metric_"):
                yield f"{split}_{column.removeprefix('metric_')}", row["epoch"], value


def _from_epochs(events: list[dict[str, Any]]) -> Iterator[Value]:
    for event in epoch_events(events):
        for name in _PER_EPOCH:
            yield name, event["epoch"], event.get(name)
        for split, metrics in (
            ("val", event.get("metrics")),
            ("train", event.get("train_metrics")),
        ):
            if isinstance(metrics, Mapping):
                for name, value in metrics.items():
                    yield f"{split}_{name}", event["epoch"], value


def _from_histories(events: list[dict[str, Any]]) -> Iterator[Value]:
    """Values of the histories that the last event with any carries."""
    for event in reversed(events):
        histories = event.get("histories")
        if not isinstance(histories, Mapping) or not histories:
            continue
        for name, history in histories.items():
            for epoch, value in enumerate(history if isinstance(history, list) else ()):
                yield name, epoch, value
        return
