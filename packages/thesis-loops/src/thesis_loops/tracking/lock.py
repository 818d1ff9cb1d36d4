"""One mirror of a run at a time."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from thesis_facts.durable import StrPath
from thesis_loops.tracking import library
from thesis_loops.tracking.failures import MirrorError
from thesis_loops.tracking.trainer import Trainer

_AGAIN_S = 1.0


@contextmanager
def alone(run_dir: StrPath, trainer: Trainer | None) -> Generator[None]:
    """Hold the lock of the mirror of a run.

    Parameters
    ----------
    trainer : Trainer or None
        The training that writes the run now: the mirror of an interrupted piece may still be
        sending, and is waited for until the training is over, and as long as it may take to
        finish. None: nobody is waited for.

    Raises
    ------
    MirrorError
        Another process has it.
    """
    folder = Path(run_dir, library.FOLDER)
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # a run that can only be read, such as somebody else's
        yield
        return
    try:
        _lock(descriptor, run_dir, trainer)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _lock(descriptor: int, run_dir: StrPath, trainer: Trainer | None) -> None:
    patience = 0.0 if trainer is None else library.FINISH_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if trainer is not None and not trainer.is_over:
                trainer.wait(_AGAIN_S)
            elif patience > 0:
                time.sleep(_AGAIN_S)
                patience -= _AGAIN_S
            else:
                raise MirrorError(
                    "another process mirrors the run", key=str(run_dir), do="wait for it"
                ) from error
        except OSError:  # a file system without locks: two mirrors are rare, and harmless
            return
        else:
            return
