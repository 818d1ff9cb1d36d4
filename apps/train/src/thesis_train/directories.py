"""Where runs and sweeps go: names with a time stamp, each reserved by making it."""

import os
import pwd
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from omegaconf import OmegaConf

from thesis_train.ranks import on_rank_zero

_reserved: list[Path] = []  # by this process


def register_resolvers() -> None:
    """Make `configs/hydra` able to name directories; a config asks once and keeps the answer.

    `configs/env` asks for `USER`, which a service or a container may have left out.
    """
    os.environ.setdefault("USER", _user())
    resolvers = {
        "run_directory": run_directory,
        "sweep_directory": sweep_directory,
        "job_directory": job_directory,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, use_cache=True, replace=True)


def run_directory(run_dir: str | None, output_root: str, name: str) -> str:
    """`run_dir` where it is given (made if need be), else a new `runs/run_TIMESTAMP_NAME`.

    Under torchrun rank 0 reserves it for all.
    """
    return on_rank_zero(lambda: _run_directory(run_dir, output_root, name))


def _run_directory(run_dir: str | None, output_root: str, name: str) -> str:
    if run_dir is not None:
        with _said_plainly("run_dir"):
            Path(run_dir).mkdir(parents=True, exist_ok=True)
        return run_dir
    return reserve(Path(output_root) / "runs" / f"run_{_stamp()}_{name}")


def sweep_directory(output_root: str, name: str) -> str:
    """A new `multiruns/exp_TIMESTAMP_NAME`."""
    return reserve(Path(output_root) / "multiruns" / f"exp_{_stamp()}_{name}")


def job_directory(sweep_dir: str, number: int) -> str:
    """`runs/run_TIMESTAMP_NAME_jobNNN`, named after its sweep, which is unique."""
    sweep = Path(sweep_dir).absolute()
    name = f"run_{sweep.name.removeprefix('exp_')}_job{int(number):03d}"
    return str(sweep.parent.parent / "runs" / name)


def job_number(run_dir: str) -> int | None:
    """The number that `job_directory` put into a name; None where it has none."""
    found = re.search(r"_job(\d+)$", run_dir)
    return int(found[1]) if found else None


def is_reserved(path: Path) -> bool:
    """Whether this process made the directory by `reserve`, so that it may remove it."""
    return path.resolve() in {reserved.resolve() for reserved in _reserved}


def remove_unused() -> None:
    """Remove the directories that this process reserved and left empty."""
    while _reserved:
        with suppress(OSError):
            _reserved.pop().rmdir()


def reserve(path: Path) -> str:
    """Make the directory, or the next free `path-2`, `path-3`, …; making it is what reserves it."""
    with _said_plainly("env.output_root"):
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
            with suppress(FileExistsError):
                candidate.mkdir()
                _reserved.append(candidate)
                return str(candidate)
    raise AssertionError("unreachable")


@contextmanager
def _said_plainly(key: str) -> Generator[None]:
    """End with one message where a directory can't be made.

    OmegaConf would wrap any other exception of a resolver, and Hydra print it with a traceback.
    """
    try:
        yield
    except OSError as error:
        raise SystemExit(f"{key}: can't make {error.filename}: {error.strerror}") from error


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may know no name
        return str(os.getuid())


def _stamp() -> str:
    return datetime.now().strftime("%Y%m%d-%H%M%S")
