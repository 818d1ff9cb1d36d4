"""The npz files in which runs keep numbers of every event: named formats, arrays, no pickle."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.writers import write_atomic

T = TypeVar("T")

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


def write_archive(
    run_dir: StrPath, split: str, arrays: Mapping[str, Any], columns: Mapping[str, NDArray]
) -> Path:
    """Write ``{run_dir}/scores/{split}.npz`` atomically; returns its path.

    Raises
    ------
    RunError
        If the file can't be written; one that stood there is then untouched.
    """
    named = {COLUMN + name: values for name, values in columns.items()}

    def write(file: BinaryIO) -> None:
        np.savez(file, **arrays, **named)

    return write_atomic(scores_path(run_dir, split), write)


def read_archive(
    path_or_run_dir: StrPath,
    split: str | None,
    kind: tuple[str, int],
    parse: Callable[[Any], T],
) -> T:
    """What `parse` makes of the archive of one split of a run, or of one file.

    Parameters
    ----------
    kind
        Name of the format, and its newest version that is understood.

    Raises
    ------
    RunError
        If there is no such file, if it is truncated, or if it is of another format.
    """
    path = Path(path_or_run_dir) if split is None else scores_path(path_or_run_dir, split)
    if not path.is_file():
        raise _missing(path, split)
    try:
        with open(path, "rb") as file:  # NumPy would leave a truncated file open
            if not zipfile.is_zipfile(file):  # where NumPy would advise to load a pickle
                raise RunError("not an npz archive", do=_SCORE_AGAIN)
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            _check_format(archive, *kind)
            return parse(archive)
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


def columns_in(archive: Any) -> dict[str, NDArray]:
    """The arrays whose names the caller chose."""
    return {
        key.removeprefix(COLUMN): archive[key] for key in archive.files if key.startswith(COLUMN)
    }


def _check_format(archive: Any, name: str, version: int) -> None:
    if "format" not in archive:
        raise RunError("not a score file", expected=f"an npz archive of format {name}")
    found = str(archive["format"]), int(archive["version"])
    if found[0] != name or not 1 <= found[1] <= version:
        raise RunError(
            "unknown score format",
            found=f"{found[0]} version {found[1]}",
            expected=f"{name} up to version {version}",
        )


def checked_array(key: str, values: Any, shape: tuple[int | None, ...], kinds: str) -> NDArray:
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


def checked_columns(columns: Mapping[str, Any], n_events: int) -> dict[str, NDArray]:
    for name in columns:
        if not _NAME.fullmatch(name):
            raise RunError(
                "no name of a column",
                key="columns",
                found=repr(name),
                expected="letters, digits and _ . + -",
            )
    return {
        name: checked_array(f"columns.{name}", values, (n_events,), "fiub")
        for name, values in columns.items()
    }


def scores_path(run_dir: StrPath, split: str) -> Path:
    """``{run_dir}/scores/{split}.npz``, there or not."""
    if not _NAME.fullmatch(split):
        raise RunError("no name of a split", key="split", found=repr(split))
    return Path(run_dir) / "scores" / f"{split}.npz"


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
