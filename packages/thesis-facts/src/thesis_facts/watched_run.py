"""One run that is watched: what its facts say now, read again only where they changed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

from thesis_facts.axes import read_axes
from thesis_facts.errors import ThesisError
from thesis_facts.events import COMPLETE, CRASHED, INCOMPLETE, Outline, events_file, read_outline
from thesis_facts.scalars_tail import Progress, ScalarsTail
from thesis_facts.sweeps import MISSING, RUNNING, how_far
from thesis_facts.watched_lock import FileState, WatchedLock, file_state

SILENT = "silent"
"""A process of another machine had it and wrote nothing for long: nobody here can tell whether it
lives. A state beside those of the points of a sweep."""

UNREADABLE = "unreadable"
"""Nothing is known of it but the reason."""

_QUIET_S = 120.0  # at least so long without a new fact before a run counts as silent
_FIRST_QUIET_S = 600.0  # before its first epoch: data are read, a model is compiled
_QUIET_EPOCHS = 3.0
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class RunView:
    """What a run looks like now; None where it can't be known.

    Attributes
    ----------
    run_dir
        Its directory, as it is: not fit for a terminal.
    state
        running, silent, complete, crashed, incomplete, missing or unreadable.
    reason
        Why it is not complete, or what is odd about a running one.
    epochs
        Number of epochs that were asked for; early stopping may end a run before.
    progress
        Epochs, losses and times so far.
    left_s
        Time that all epochs still to come take at the speed of the last ones (s).
    """

    run_dir: str
    state: str
    reason: str | None = None
    epochs: int | None = None
    progress: Progress = field(default_factory=Progress)
    left_s: float | None = None


class WatchedRun:
    """Follow one run directory, which need not exist yet."""

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir
        self._lock = WatchedLock(run_dir)
        self._scalars = ScalarsTail(run_dir)
        self._events: FileState | None = None
        self._outline: Outline | None = None
        self._trouble: str | None = None
        self._epochs: int | None = None

    def look(self, now: float) -> RunView:
        """What the run looks like `now` (s since the epoch)."""
        try:
            return self._look(now)
        except ThesisError as error:
            return RunView(self.run_dir, UNREADABLE, str(error))
        except OSError as error:  # a folder that nobody may enter, a stale handle
            return RunView(self.run_dir, UNREADABLE, f"can't be read: {error.strerror}")

    def _look(self, now: float) -> RunView:
        view = self._look_once(now)
        is_plain = view.state in (COMPLETE, RUNNING)
        if is_plain or file_state(events_file(self.run_dir)) == self._events:
            return view
        # it ended after its events were read and before its lock was asked for
        return self._look_once(now)

    def _look_once(self, now: float) -> RunView:
        events = file_state(events_file(self.run_dir))
        if events is None and self._events is not None:  # they were here a moment ago
            gone = "events" if os.path.isdir(self.run_dir) else "directory"
            return RunView(self.run_dir, UNREADABLE, f"its {gone} went away")
        if events is not None and events != self._events:
            self._read_events(events)
        elif self._is_complete():
            return self._view(COMPLETE, None)
        self._scalars.update()
        return self._view(COMPLETE, None) if self._is_complete() else self._unfinished(events, now)

    def _is_complete(self) -> bool:
        return self._outline is not None and self._outline.status == COMPLETE

    def _read_events(self, events: FileState) -> None:
        try:
            self._outline, self._trouble = read_outline(self.run_dir), None
        except ThesisError as error:
            self._outline, self._trouble = None, str(error)
        self._events = events
        if self._epochs is None:
            with suppress(ThesisError, TypeError, ValueError, AttributeError):  # of any form
                epochs = read_axes(self.run_dir).get("epochs")
                self._epochs = epochs if isinstance(epochs, int) and epochs > 0 else None

    def _unfinished(self, events: FileState | None, now: float) -> RunView:
        holder = self._lock.holder()
        last = max(0.0 if events is None else events[2] / 1e9, holder.since if holder else 0.0)
        age = max(0.0, now - last)
        silent = f"silent for {duration(age)}" if age > self._patience() else None
        if holder is not None and holder.elsewhere is None:
            return self._view(RUNNING, silent, age)
        if holder is not None:
            where = f"on {holder.elsewhere}"
            if silent is not None:
                return self._view(SILENT, f"{silent}, {where}")
            return self._view(RUNNING, where, age)
        if self._outline is not None and self._outline.status == CRASHED:
            return self._view(CRASHED, self._outline.error or "for an unknown reason")
        if events is None:
            if os.path.isdir(os.path.join(self.run_dir, "facts")):
                return self._view(INCOMPLETE, "ended before it left an event")
            return self._view(MISSING, "never began")
        if self._trouble is not None:
            return self._view(INCOMPLETE, self._trouble)
        if self._lock.was_ever_held:
            return self._view(INCOMPLETE, self._how_far())
        # earlier code kept no lock: there is only the age of its facts
        if silent is None:
            return self._view(RUNNING, "by its facts alone", age)
        return self._view(INCOMPLETE, f"{self._how_far()}, {silent}")

    def _patience(self) -> float:
        epoch_time_s = self._scalars.progress.epoch_time_s
        if epoch_time_s is None:
            return _FIRST_QUIET_S
        return max(_QUIET_S, _QUIET_EPOCHS * epoch_time_s)

    def _how_far(self) -> str:
        return how_far(self._progress().epochs, self._epochs)

    def _view(self, state: str, reason: str | None, age: float = 0.0) -> RunView:
        progress = self._progress()
        left = None
        if state == RUNNING and self._epochs and progress.epoch_time_s is not None:
            to_come = max(0, self._epochs - progress.epochs) * progress.epoch_time_s
            left = max(0.0, to_come - min(age, progress.epoch_time_s))
        return RunView(self.run_dir, state, reason, self._epochs, progress, left)

    def _progress(self) -> Progress:
        """Of the scalars; of the last event where they say nothing."""
        progress = replace(self._scalars.progress)  # a view doesn't change afterwards
        if progress.epochs or self._outline is None or self._outline.last["epoch"] is None:
            return progress
        last = self._outline.last
        return replace(
            progress,
            epochs=last["epoch"] + 1,
            train_loss=last["train_loss"],
            val_loss=last["val_loss"],
            epoch_time_s=last["epoch_time_s"],
            throughput=last["throughput"],
        )


def duration(seconds: float) -> str:
    """Time in words, two units at most.

    Examples
    --------
    >>> duration(7.2), duration(95), duration(4000), duration(200_000)
    ('7 s', '1 min 35 s', '1 h 6 min', '2 d 7 h')
    """
    whole = round(seconds)
    for (size, unit), (smaller, name) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
