"""Processes that really die of SIGKILL, at an instant that is chosen."""

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

import torch
import torch._dynamo  # takes seconds in each copy otherwise: optimisers import it

from thesis_facts import durable

Prepare = Callable[[int], None]
"""Arranges, inside a process of its own, that this process dies the n-th time it comes there."""


def in_child(action: Callable[[], Any]) -> int:
    """Run `action` in a copy of this process; its exit code, or minus the signal it died of."""
    with warnings.catch_warnings():
        # Python warns of forks beside threads; the child needs none of them
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            action()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:  # noqa: BLE001 - nothing may leave the copy
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die() -> None:
    """As a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(name: str) -> Prepare:
    """Just before the n-th call of a function of `os`."""
    return lambda n: _patch(name, n, lambda call: die())


def after(name: str) -> Prepare:
    """Just after the n-th call of a function of `os`."""

    def run_and_die(call: Callable[[], Any]) -> None:
        call()
        die()

    return lambda n: _patch(name, n, run_and_die)


def half_line(n: int) -> None:
    """When half of the n-th line of facts is written."""
    write, calls = os.write, []

    def write_half(descriptor: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) < n:
            return write(descriptor, data)
        write(descriptor, data[: len(data) // 2])
        die()
        return 0

    os.write = write_half


def half_file(n: int) -> None:
    """When half of the n-th file that is written whole is on disk, under its temporary name."""
    calls = []

    def open_file(path: Any, mode: str) -> BinaryIO:
        file = open(path, mode)  # noqa: SIM115 - given to the caller
        calls.append(1)
        if len(calls) >= n:
            file.write = _half(file)  # type: ignore[method-assign]
        return file

    durable.open = open_file  # type: ignore[attr-defined]


def _half(file: BinaryIO) -> Callable[[bytes], int]:
    def write(data: bytes) -> int:
        os.write(file.fileno(), data[: len(data) // 2])
        die()
        return 0

    return write


def _patch(name: str, n: int, reached: Callable[[Callable[[], Any]], None]) -> None:
    original, calls = getattr(os, name), []

    def counted(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == n:
            reached(lambda: original(*arguments, **keywords))
        return original(*arguments, **keywords)

    setattr(os, name, counted)


INSTANTS: dict[str, Prepare] = {
    "in a facts append": half_line,
    "in a file": half_file,
    "before its sync": before("fsync"),
    "between sync and rename": before("replace"),
    "between rename and sync of the folder": after("replace"),
    "before the second name": before("link"),
}
