"""Per-event scores of a run: what a model said of every event of a split, in one file.

``{run_dir}/scores/{split}.npz`` holds plain arrays (never a pickle), so that any NumPy can read
it, and names its format and version. Arrays that a file lacks were unknown when it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.metrics import softmax
from thesis_facts.score_archive import (
    checked_array,
    checked_columns,
    columns_in,
    read_archive,
    write_archive,
)

FORMAT = "thesis-scores"
VERSION = 1

OPTIONAL = ("process", "weights", "embeddings")


@dataclass(frozen=True, eq=False)
class Scores:
    """What a classifier said of N events of C classes, beside the truth.

    Attributes
    ----------
    logits : [N, C] floats, columns in the order of `class_names`
    labels : [N] integers in 0..C-1
    class_names : C names
    process : [N] integers 1..5 (see `thesis_facts.processes`), or None
    weights : [N] event weights of either sign, or None
    embeddings : [N, D] floats, the pooled representation, or None
    columns : other numbers an event by name, each [N]
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.integer]
    class_names: tuple[str, ...]
    process: NDArray[np.integer] | None = None
    weights: NDArray[np.floating] | None = None
    embeddings: NDArray[np.floating] | None = None
    columns: Mapping[str, NDArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))
        n_classes = len(self.class_names)
        logits = checked_array("logits", self.logits, (None, n_classes), "f")
        n_events = len(logits)
        labels = checked_array("labels", self.labels, (n_events,), "iu")
        if n_events and not 0 <= labels.min() <= labels.max() < n_classes:
            raise RunError(
                "label outside the classes",
                key="labels",
                found=f"{labels.min()}..{labels.max()}",
                expected=f"0..{n_classes - 1}",
            )
        arrays = {"logits": logits, "labels": labels}
        if self.process is not None:
            arrays["process"] = checked_array("process", self.process, (n_events,), "iu")
        if self.weights is not None:
            arrays["weights"] = checked_array("weights", self.weights, (n_events,), "fiu")
        if self.embeddings is not None:
            arrays["embeddings"] = checked_array(
                "embeddings", self.embeddings, (n_events, None), "f"
            )
        for key, array in arrays.items():
            object.__setattr__(self, key, array)
        object.__setattr__(self, "columns", checked_columns(self.columns, n_events))

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits [N, C]."""
        return softmax(self.logits)


def write_scores(run_dir: StrPath, split: str, scores: Scores) -> Path:
    """Write the scores of a split ("val", "test", ...) atomically; returns the file's path.

    Raises
    ------
    RunError
        If the file can't be written; one that stood there is then untouched.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "class_names": np.array(scores.class_names, dtype=np.str_),
        "logits": scores.logits,
        "labels": scores.labels,
    }
    for key in OPTIONAL:
        if getattr(scores, key) is not None:
            arrays[key] = getattr(scores, key)
    return write_archive(run_dir, split, arrays, scores.columns)


def read_scores(
    path_or_run_dir: StrPath, split: str | None = None, *, with_embeddings: bool = True
) -> Scores:
    """Read the scores of one split of a run, or of one file.

    Parameters
    ----------
    path_or_run_dir
        The file itself, or a run directory with `split` beside it.
    split
        "val", "test", ...
    with_embeddings
        False leaves the largest array on disk; `Scores.embeddings` is then None.

    Raises
    ------
    RunError
        If there is no such file, if it is truncated, or if it is none of ours.
    """
    parse = partial(_scores_of, with_embeddings=with_embeddings)
    return read_archive(path_or_run_dir, split, (FORMAT, VERSION), parse)


def _scores_of(archive: Any, with_embeddings: bool) -> Scores:
    optional = [key for key in OPTIONAL if key in archive]
    if not with_embeddings and "embeddings" in optional:
        optional.remove("embeddings")
    return Scores(
        logits=archive["logits"],
        labels=archive["labels"],
        class_names=tuple(archive["class_names"].tolist()),
        columns=columns_in(archive),
        **{key: archive[key] for key in optional},
    )


def same_events(a: Scores, b: Scores) -> bool:
    """Whether all that the scores tell of the events, in their order, agrees."""
    return a.class_names == b.class_names and all(
        _equal(getattr(a, name), getattr(b, name)) for name in ("labels", "process", "weights")
    )


def _equal(a: NDArray | None, b: NDArray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)
