"""``thesis-facts watch``: see runs while they run, from nothing but their facts."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from thesis_facts.watch_text import view_text
from thesis_facts.watched_sweeps import View, Watched

_NAP_S = 0.2  # between two looks at the size of the terminal

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # other screen, no cursor
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def watch(places: Sequence[str], every: float = 5.0, once: bool = False) -> None:
    """Show runs again and again, until nothing is left to happen or ctrl-C.

    Parameters
    ----------
    places
        Directories of sweeps, folders of runs, runs; wildcards are expanded.
    every
        Time between two looks (s).
    once
        Look once, print it and end, which is also what happens without a terminal.

    Raises
    ------
    RunError
        If there is no such directory.
    """
    watched = Watched(places)
    title = ", ".join(os.path.basename(os.path.normpath(place)) for place in watched.places)
    terminal = sys.stdout
    if isinstance(terminal, io.TextIOWrapper):
        terminal.reconfigure(errors="replace")  # a name may hold what this terminal can't show
    if once or not terminal.isatty():
        size = _size(terminal) if terminal.isatty() else (None, None)
        print("\n".join(view_text(title, watched.look(), *size)))
        return
    view = None
    try:
        with _screen(terminal):
            while view is None or not view.is_over:
                view = watched.look()
                drawn = _draw(terminal, title, view)
                if not view.is_over:
                    _wait(terminal, title, view, every, drawn)
    except KeyboardInterrupt:
        pass
    if view is not None:  # what was seen last stays in the terminal
        print("\n".join(view_text(title, view, *_size(terminal))))


def _draw(terminal: TextIO, title: str, view: View) -> tuple[int, int]:
    """Draw a view; the columns and lines that it was drawn for."""
    width, height = _size(terminal)
    clock = time.strftime("%H:%M:%S, ctrl-C leaves")
    lines = [*view_text(title, view, width, height - 2), "", clock]
    text = "\n".join(f"{line}{_REST_OF_LINE}" for line in lines)
    terminal.write(f"{_HOME}{text}{_REST_OF_SCREEN}")
    terminal.flush()
    return width, height


def _wait(terminal: TextIO, title: str, view: View, seconds: float, drawn: tuple[int, int]) -> None:
    """Sleep; where the terminal is no longer as it was drawn for, draw anew at once."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if _size(terminal) != drawn:
            drawn = _draw(terminal, title, view)
        time.sleep(min(_NAP_S, left))


def _size(terminal: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(terminal.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    fallback = shutil.get_terminal_size()  # a terminal may not know its size
    return size.columns or fallback.columns, max(size.lines or fallback.lines, 5)


@contextmanager
def _screen(terminal: TextIO) -> Generator[None]:
    """A screen of our own; whatever ends the watch, the terminal is then as it was."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        terminal.write(_ENTER)
        yield
    finally:
        terminal.write(_LEAVE)
        terminal.flush()
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
