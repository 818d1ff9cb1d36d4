"""Which files a data set is made of."""

import glob
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thesis_data.config import DataConfig
from thesis_facts.errors import DataError
from thesis_facts.files import describe_file


def dataset_files(path: str | Sequence[str] | None) -> list[Path]:
    """The files of `data.path`: a path, a pattern such as ``part_*.h5``, or a list of these.

    A pattern gives its matches sorted by name, a list keeps its order, and a file that is named
    twice counts where it is named first. A name with ``*``, ``?`` or ``[`` that exists as it
    stands is no pattern.

    Raises
    ------
    DataError
        Where no file is named, or none matches a pattern.
    """
    if path is None:
        raise DataError(
            "no file to read events from",
            key="data.path",
            found="null",
            expected="the path of an H5 file",
            do="set data.path=FILE, or data=synthetic to make toy events",
        )
    patterns = [path] if isinstance(path, str) else path
    first: dict[str, Path] = {}
    for pattern in patterns:
        for match in _matches(pattern):
            first.setdefault(os.path.realpath(match), match)
    return list(first.values())


def check_files(config: DataConfig) -> None:
    """Whether the files of a data set are there, without opening any; toy events are made.

    Raises
    ------
    DataError
        Names the first that is not.
    """
    if config.synthetic is not None:
        return
    for path in dataset_files(config.path):
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise DataError(f"{path} {what}", key="data.path")


def describe_dataset(config: DataConfig) -> dict[str, Any]:
    """Path, size (bytes) and SHA-256 of the files of a data set, for the facts.

    One file is described as `describe_file` does. Of several, `path` is what the configuration
    says, `size` the sum, `sha256` the digest of the files' digests in hexadecimal, one after the
    other, and `files` describes each; size and digest are null where one file's are.
    """
    files = [describe_file(path) for path in dataset_files(config.path)]
    if len(files) == 1:
        return files[0]
    whole = all(file["sha256"] is not None for file in files)
    digests = "".join(file["sha256"] for file in files) if whole else ""
    return {
        "path": config.path if isinstance(config.path, str) else list(config.path or ()),
        "size": sum(file["size"] for file in files) if whole else None,
        "sha256": hashlib.sha256(digests.encode()).hexdigest() if whole else None,
        "files": files,
    }


def _matches(pattern: str) -> list[Path]:
    """The files of a path or pattern; a plain path is taken as it is, there or not."""
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        return [Path(pattern)]
    names = sorted(glob.glob(pattern, recursive=True))
    if not names:
        raise DataError(
            f"no file matches {pattern}",
            key="data.path",
            expected="one file or more",
            do="check the pattern; a relative one starts where the command is run",
        )
    return [Path(name) for name in names]
