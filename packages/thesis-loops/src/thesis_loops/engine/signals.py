"""Being asked to stop: finish the step, save, leave with a code that says "resumable"."""

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

EXIT_CHECKPOINTED = 85  # HTCondor's self-checkpoint convention
EXIT_CTRL_C = 130


class Interrupted(Exception):
    """A run was asked to stop, and has saved its state where it has a directory.

    Attributes
    ----------
    signal_name : str
        Which signal asked.
    exit_code : int
        What the process should exit with.
    """

    def __init__(self, signal_name: str, exit_code: int, saved: bool) -> None:
        state = "is saved and can be resumed" if saved else "has no directory to be saved in"
        super().__init__(f"stopped by {signal_name}; the run {state}")
        self.signal_name = signal_name
        self.exit_code = exit_code


class StopSignals:
    """Remembers ctrl-C and the signals of the config instead of dying of them.

    After the first one a ctrl-C leaves at once, while further signals change nothing: launchers
    may send theirs again while the run is being saved.
    Outside of the main thread, where Python can't handle signals, nothing is changed.

    Parameters
    ----------
    names : iterable of str
        Signals that mean "save and leave", e.g. SIGTERM. SIGINT always is ctrl-C.
    saved : bool
        Whether the run has a directory, so that its state is saved when it stops.
    """

    def __init__(self, names: Iterable[str], saved: bool) -> None:
        self.numbers = dict.fromkeys((signal.SIGINT, *(signal.Signals[name] for name in names)))
        self.saved = saved
        self.received: signal.Signals | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in self.numbers}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        # A run that came to its end all the same must not swallow it: a sweep would go on.
        if self.received is not None and kind is None and self._passes_on(self.received):
            signal.raise_signal(self.received)

    def raise_for(self, received: signal.Signals | None) -> None:
        """Raise `Interrupted` for a signal of this or another rank; call it once all is saved."""
        if received is not None:
            code = EXIT_CTRL_C if received == signal.SIGINT else EXIT_CHECKPOINTED
            raise Interrupted(received.name, code, self.saved)

    def _passes_on(self, received: signal.Signals) -> bool:
        """Whether the former handler is a program's own: the default one would end the process."""
        return callable(self._former.get(received))

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
            signal.signal(signal.SIGINT, self._former[signal.SIGINT])
