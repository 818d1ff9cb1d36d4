"""The file of a toy sample: made when it is first asked for, recognised afterwards."""

import errno
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from thesis_data.config import DataConfig
from thesis_data.dataset_files import dataset_files
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import read_toy_parameters, toy_parameters, write_toy_dataset
from thesis_facts.errors import DataError

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def ensure_dataset(config: DataConfig) -> list[Path]:
    """The files that a configuration names; a toy sample is made if it is not there yet.

    Of several processes that ask at the same time one makes the file and the others wait for it.

    Raises
    ------
    DataError
        Where no file is named, none can be written, or the one that is there holds other events
        than `data.synthetic` describes.
    """
    if config.synthetic is None or not isinstance(config.path, str):
        return dataset_files(config.path)
    path = Path(config.path)
    _make_once(path, config.synthetic)
    _check_parameters(path, config.synthetic)
    return [path]


def _make_once(path: Path, toy: ToyConfig) -> None:
    try:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not path.exists():
                write_toy_dataset(path, toy)
    except OSError as error:
        raise DataError(
            f"the toy sample {path} cannot be written",
            key="data.path",
            found=error.strerror or str(error),
            do="choose a folder that can be written to",
        ) from error


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """One process at a time, where the file system has locks.

    Without them several may make the file at once: all write the same, each under a name of its
    own, and the last to finish renames over the others.
    """
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _check_parameters(path: Path, toy: ToyConfig) -> None:
    stored, wanted = read_toy_parameters(path), toy_parameters(toy)
    if stored is None:
        raise DataError(
            f"{path} is no toy sample, but data.synthetic asks for one",
            key="data.path",
            do="choose data=h5_tokens for a file of your own",
        )
    differences = sorted(set(_flat(stored)) ^ set(_flat(wanted)))
    if differences:
        keys = {key: None for key, _ in differences}
        stored_values, wanted_values = dict(_flat(stored)), dict(_flat(wanted))
        raise DataError(
            f"{path} is another toy sample",
            key="data.synthetic",
            found=", ".join(f"{key} {stored_values.get(key)}" for key in keys),
            expected=", ".join(f"{key} {wanted_values.get(key)}" for key in keys),
            do="delete the file to make it anew, or set data.path to a new name",
        )


def _flat(parameters: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and value of each parameter."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
