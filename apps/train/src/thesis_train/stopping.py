"""Being asked to stop outside of training, which handles signals itself.

A command that starts up, or is between two jobs, leaves at once: nothing is lost. Where jobs of
a sweep run in other processes, each finishes its step and saves, and the command waits for them.

A job in a queue of submitit has its process to itself. Before its time is over it gets a signal of
its own, on which submitit puts it back into the queue; here it first saves.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from thesis_facts.errors import ThesisError
from thesis_loops.engine.signals import EXIT_CHECKPOINTED, EXIT_CTRL_C

# All that `stop_signals` may name, known before there is a config. Not SIGTSTP, which is ctrl-Z,
# until a config asks for it.
_EARLY = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGXCPU")

# Of this process; signals belong to a process as well.
_code: int | None = None
_former: dict[signal.Signals, Any] = {}
_job_is_done: Callable[[], bool] | None = None


class Stopped(ThesisError):
    """A job did not begin, or was saved, because its sweep was asked to stop."""


class TimeIsUp(ThesisError):
    """A job in a queue was stopped for the last time."""


@contextmanager
def stoppable() -> Generator[None]:
    """Handle signals for the time of a command."""
    global _code
    _code = None
    _handle(_leave, _not_ignored())
    try:
        yield
    finally:
        for number, handler in _former.items():
            signal.signal(number, handler)
        _former.clear()


def heed(names: Iterable[str]) -> None:
    """Handle the signals that a config names, too."""
    _handle(_end_job if in_worker() else _leave, names)


@contextmanager
def unless(is_done: Callable[[], bool]) -> Generator[None]:
    """Let a job that is done by then end as usual: a signal only stops what comes after it."""
    global _job_is_done
    _job_is_done = is_done
    try:
        yield
    finally:
        _job_is_done = None


def asked_to_stop() -> int | None:
    """The exit code that this process should leave with, once it was asked to."""
    return _code


def remember(code: int) -> None:
    """Start no further job in this process."""
    global _code
    _code = code


def in_worker() -> bool:
    """Whether this process runs jobs of a sweep for another one."""
    return multiprocessing.parent_process() is not None or in_queue()


def in_queue() -> bool:
    """Whether this process is a job that submitit started, not one that such a job started."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == "submitit.core._submit"


def requeue_signal() -> str:
    """The signal that a job in a queue gets before its time is over."""
    return f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"


def leave_queue(received: str) -> NoReturn:
    """End a job in a queue that was stopped, without a result: it is not done.

    Raises
    ------
    TimeIsUp
        It was put back into the queue as often as it may be.
    """
    from submitit.core.utils import UncompletedJobError  # loaded, since it started this process

    for number, handler in _former.items():  # those of submitit, which let nothing get in between
        signal.signal(number, handler)
    if received == requeue_signal():
        try:
            signal.raise_signal(signal.Signals[received])
        except UncompletedJobError as error:
            raise TimeIsUp(
                "its time is up, and it may not be put back into the queue again",
                key="hydra.launcher.max_num_timeout",
            ) from error
    raise SystemExit(EXIT_CHECKPOINTED)


@contextmanager
def worker_job() -> Generator[None]:
    """A job in a worker: a signal ends what loads before it trains; later ones only are noted.

    A worker whose sweep was killed ends after its job: nobody would end it otherwise.
    """
    _end_orphan()
    _handle(_end_job, _not_ignored())
    try:
        yield
    finally:
        _end_orphan()
        _handle(lambda number, frame: remember(_exit_code(number)), [n.name for n in _former])


def _handle(handler: Callable[[int, FrameType | None], None], names: Iterable[str]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for name in names:
        number = signal.Signals[name]
        _former.setdefault(number, signal.getsignal(number))
        signal.signal(number, handler)


def _not_ignored() -> list[str]:
    """Without SIGHUP under nohup."""
    return [n for n in _EARLY if n != "SIGHUP" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN]


def _is_done() -> bool:
    return _job_is_done is not None and _job_is_done()


def _exit_code(number: int) -> int:
    return EXIT_CTRL_C if number == signal.SIGINT else EXIT_CHECKPOINTED


def _end_orphan() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid != os.getppid():
        os._exit(0)


def _end_job(number: int, _frame: FrameType | None) -> None:
    remember(_exit_code(number))
    if _is_done():
        return
    if in_queue():
        leave_queue(signal.Signals(number).name)
    raise Stopped(f"stopped by {signal.Signals(number).name} before training began")


def _leave(number: int, _frame: FrameType | None) -> None:
    code = _exit_code(number)
    workers = multiprocessing.active_children()
    is_second_ctrl_c = number == signal.SIGINT and _code is not None
    if _is_done() and not is_second_ctrl_c:
        remember(code)
        return
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
