"""Being asked to stop: finish the step, save, leave with a code that says "resumable"."""

import signal
import threading
from types import FrameType
from typing import Any

EXIT_CHECKPOINTED = 85  # HTCondor's self-checkpoint convention
EXIT_CTRL_C = 130

_EXIT_CODES = {
    signal.SIGTERM: EXIT_CHECKPOINTED,
    signal.SIGUSR1: EXIT_CHECKPOINTED,
    signal.SIGINT: EXIT_CTRL_C,
}


class Interrupted(Exception):
    """A run was asked to stop, and has saved its state where it has a directory.

    Attributes
    ----------
    exit_code : int
        What the process should exit with.
    """

    def __init__(self, signal_name: str, exit_code: int, saved: bool) -> None:
        state = "is saved and can be resumed" if saved else "has no directory to be saved in"
        super().__init__(f"stopped by {signal_name}; the run {state}")
        self.exit_code = exit_code


class StopSignals:
    """Remembers SIGTERM, SIGUSR1 and ctrl-C instead of dying of them.

    After the first one the former handlers are back, so that a second ctrl-C leaves at once.
    Outside of the main thread, where Python can't handle signals, nothing is changed.

    Parameters
    ----------
    saved : bool
        Whether the run has a directory, so that its state is saved when it stops.
    """

    def __init__(self, saved: bool) -> None:
        self.saved = saved
        self.received: signal.Signals | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in _EXIT_CODES}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def raise_if_asked(self) -> None:
        """Raise `Interrupted` where a signal came; call it once the state is saved."""
        if self.received is not None:
            raise Interrupted(self.received.name, _EXIT_CODES[self.received], self.saved)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
