"""Being asked to stop outside of training, which handles signals itself.

A command that starts up, or is between two jobs, leaves at once: nothing is lost. Where jobs of
a sweep run in other processes, each finishes its step and saves, and the command waits for them.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from thesis_facts.errors import ThesisError

EXIT_CODES = {signal.SIGTERM: 85, signal.SIGUSR1: 85, signal.SIGINT: 130}

_code: int | None = None  # of this process; signals belong to a process as well


class Stopped(ThesisError):
    """A job did not begin, or was saved, because its sweep was asked to stop."""


@contextmanager
def stoppable() -> Generator[None]:
    """Handle signals for the time of a command."""
    global _code
    _code = None
    former = _handle(_leave)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def asked_to_stop() -> int | None:
    """The exit code that this process should leave with, once it was asked to."""
    return _code


def remember(code: int) -> None:
    """Start no further job in this process."""
    global _code
    _code = code


def in_worker() -> bool:
    """Whether this process runs jobs of a sweep for another one."""
    return multiprocessing.parent_process() is not None


@contextmanager
def worker_job() -> Generator[None]:
    """A job in a worker: a signal ends what loads before it trains; later ones only are noted.

    A worker whose sweep was killed ends after its job: nobody would end it otherwise.
    """
    _end_orphan()
    _handle(_end_job)
    try:
        yield
    finally:
        _end_orphan()
        _handle(lambda number, frame: remember(EXIT_CODES[signal.Signals(number)]))


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in EXIT_CODES}


def _end_orphan() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid != os.getppid():
        os._exit(0)


def _end_job(number: int, _frame: FrameType | None) -> None:
    remember(EXIT_CODES[signal.Signals(number)])
    raise Stopped(f"stopped by {signal.Signals(number).name} before training began")


def _leave(number: int, _frame: FrameType | None) -> None:
    code = EXIT_CODES[signal.Signals(number)]
    workers = multiprocessing.active_children()
    is_second_ctrl_c = number == signal.SIGINT and _code is not None
    if workers and not is_second_ctrl_c:
        if _code is None and number != signal.SIGINT:  # ctrl-C reaches all processes by itself
            for worker in workers:
                if worker.pid is not None:
                    os.kill(worker.pid, number)
        remember(code)
        return
    # Not by print: it may be what the signal interrupts.
    os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    raise SystemExit(code)
