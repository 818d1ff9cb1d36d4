"""Per-event scores of a run: what a model said of every event of a split, in one file.

``{run_dir}/scores/{split}.npz`` holds plain arrays (never a pickle), so that any NumPy can read
it, and names its format and version. Arrays that a file lacks were unknown when it was written.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from thesis_facts.errors import RunError
from thesis_facts.metrics import softmax
from thesis_facts.writers import StrPath, write_atomic

FORMAT = "thesis-scores"
VERSION = 1

OPTIONAL = ("process", "weights", "embeddings")
COLUMN = "column."  # prefix, in the file, of the names that the caller chose
_NAME = re.compile(r"[\w.+-]+")
_KINDS = {"f": "floats", "i": "integers", "u": "unsigned integers", "b": "booleans"}
_SCORE_AGAIN = "score the split again: the file is truncated, damaged or of another kind"
# what NumPy raises for archives that are damaged or never were score files
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


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
        logits = _checked("logits", self.logits, (None, n_classes), "f")
        n_events = len(logits)
        labels = _checked("labels", self.labels, (n_events,), "iu")
        if n_events and not 0 <= labels.min() <= labels.max() < n_classes:
            raise RunError(
                "label outside the classes",
                key="labels",
                found=f"{labels.min()}..{labels.max()}",
                expected=f"0..{n_classes - 1}",
            )
        arrays = {"logits": logits, "labels": labels}
        if self.process is not None:
            arrays["process"] = _checked("process", self.process, (n_events,), "iu")
        if self.weights is not None:
            arrays["weights"] = _checked("weights", self.weights, (n_events,), "fiu")
        if self.embeddings is not None:
            arrays["embeddings"] = _checked("embeddings", self.embeddings, (n_events, None), "f")
        for key, array in arrays.items():
            object.__setattr__(self, key, array)
        object.__setattr__(self, "columns", _checked_columns(self.columns, n_events))

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
    arrays |= {COLUMN + name: values for name, values in scores.columns.items()}

    def write(file: BinaryIO) -> None:
        np.savez(file, **arrays)

    return write_atomic(_path(run_dir, split), write)


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
    path = Path(path_or_run_dir) if split is None else _path(path_or_run_dir, split)
    if not path.is_file():
        raise _missing(path, split)
    try:
        with open(path, "rb") as file:  # NumPy would leave a truncated file open
            if not zipfile.is_zipfile(file):  # where NumPy would advise to load a pickle
                raise RunError("not an npz archive", do=_SCORE_AGAIN)
            file.seek(0)
            return _scores_of(np.load(file, allow_pickle=False), with_embeddings)
    except RunError as error:
        key = f"{path} ({error.key})" if error.key else str(path)
        raise RunError(
            error.message, key=key, found=error.found, expected=error.expected, do=error.do
        ) from error
    except _UNREADABLE as error:
        raise RunError(
            "not a readable score file",
            key=str(path),
            found=f"{type(error).__name__} ({error})",
            do=_SCORE_AGAIN,
        ) from error


def _path(run_dir: StrPath, split: str) -> Path:
    if not _NAME.fullmatch(split):
        raise RunError("no name of a split", key="split", found=repr(split))
    return Path(run_dir) / "scores" / f"{split}.npz"


def _scores_of(archive: Any, with_embeddings: bool) -> Scores:
    if "format" not in archive:
        raise RunError("not a score file", expected=f"an npz archive of format {FORMAT}")
    found = str(archive["format"]), int(archive["version"])
    if found[0] != FORMAT or not 1 <= found[1] <= VERSION:
        raise RunError(
            "unknown score format",
            found=f"{found[0]} version {found[1]}",
            expected=f"{FORMAT} up to version {VERSION}",
        )
    optional = [key for key in OPTIONAL if key in archive]
    if not with_embeddings and "embeddings" in optional:
        optional.remove("embeddings")
    return Scores(
        logits=archive["logits"],
        labels=archive["labels"],
        class_names=tuple(archive["class_names"].tolist()),
        columns={
            key.removeprefix(COLUMN): archive[key]
            for key in archive.files
            if key.startswith(COLUMN)
        },
        **{key: archive[key] for key in optional},
    )


def _missing(path: Path, split: str | None) -> RunError:
    if split is None:
        advice = "name the split too" if path.is_dir() else None
        return RunError("no score file", key=str(path), do=advice)
    run_dir = path.parent.parent
    written = sorted(file.stem for file in path.parent.glob("*.npz"))
    advice = f"written are: {', '.join(written)}" if written else "score the split first"
    old = f"{split}_scores.pt"
    if not written and any([*run_dir.glob(old), *run_dir.glob(f"*/{old}")]):
        advice = (
            f"{old} of an older system is a torch file, which is not read here: "
            "score the split again from the checkpoint"
        )
    return RunError(f"no scores of split {split}", key=str(path), do=advice)


def _checked(key: str, values: Any, shape: tuple[int | None, ...], kinds: str) -> NDArray:
    """Values as an array of the given shape (None: any length) and kinds of dtype."""
    array = np.asarray(values)
    fits = array.ndim == len(shape) and all(
        expected in (None, length) for expected, length in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in kinds:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise RunError(
            "wrong scores",
            key=key,
            found=f"{array.dtype} of shape {list(array.shape)}",
            expected=f"{' or '.join(_KINDS[kind] for kind in kinds)} of shape [{wanted}]",
        )
    return array


def _checked_columns(columns: Mapping[str, Any], n_events: int) -> dict[str, NDArray]:
    for name in columns:
        if not _NAME.fullmatch(name):
            raise RunError(
                "no name of a column",
                key="columns",
                found=repr(name),
                expected="letters, digits and _ . + -",
            )
    return {
        name: _checked(f"columns.{name}", values, (n_events,), "fiub")
        for name, values in columns.items()
    }
