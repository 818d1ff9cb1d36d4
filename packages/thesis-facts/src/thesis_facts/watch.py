"""``thesis-facts watch``: see runs while they run, from nothing but their facts."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

from thesis_facts.watch_text import view_text
from thesis_facts.watched_sweeps import View, Watched

_NAP_S = 0.2  # between two looks at the size of the terminal
_AGAIN_S = 1.0  # before a second look at what seems to be over: a job may be between two states

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
    view, overs = None, 0
    try:
        with _Screen(terminal, title) as screen:
            while overs < 2:
                view = watched.look()
                overs = overs + 1 if view.is_over else 0
                if overs < 2:
                    screen.show(view, min(every, _AGAIN_S) if overs else every)
    except KeyboardInterrupt:
        pass
    if view is not None:  # what was seen last stays in the terminal
        print("\n".join(view_text(title, view, *_size(terminal))))


class _Screen:
    """A screen of our own; whatever ends or stops the watch, the terminal is then as it was."""

    def __init__(self, terminal: TextIO, title: str) -> None:
        self._terminal = terminal
        self._title = title
        self._drawn: tuple[int, int] | None = None  # columns and lines that it is drawn for
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Screen:
        self._before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, _end),
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._pause),
        }
        self._write(_ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        self._write(_LEAVE)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def show(self, view: View, seconds: float) -> None:
        """Draw a view and keep it for some time; anew at once where the terminal changed."""
        self._drawn = None
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            size = _size(self._terminal)
            if size != self._drawn:
                self._drawn = size
                self._draw(view, *size)
            time.sleep(min(_NAP_S, left))

    def _draw(self, view: View, width: int, height: int) -> None:
        clock = time.strftime("%H:%M:%S, ctrl-C leaves")
        lines = [*view_text(self._title, view, width, height - 2), "", clock]
        text = "\n".join(f"{line}{_REST_OF_LINE}" for line in lines)
        self._write(f"{_HOME}{text}{_REST_OF_SCREEN}")

    def _write(self, text: str) -> None:
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except OSError:  # the terminal went away, and with it whoever could be told
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._terminal.fileno())
            _end(signal.SIGHUP, None)

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its terminal back, until it lets us go on."""
        descriptor = self._terminal.fileno()  # its buffer may be in use just now
        with suppress(OSError):
            os.write(descriptor, _LEAVE.encode())
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # here it stands still
        signal.signal(signal.SIGTSTP, self._pause)
        with suppress(OSError):
            os.write(descriptor, _ENTER.encode())
        self._drawn = None


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _size(terminal: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(terminal.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    fallback = shutil.get_terminal_size()  # a terminal may not know its size
    return size.columns or fallback.columns, max(size.lines or fallback.lines, 5)
