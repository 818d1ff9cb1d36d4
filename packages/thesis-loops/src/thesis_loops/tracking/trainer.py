"""The pipe between a training and its mirror: one byte says that there is something new."""

import os
import select

NEWS, STOPPED, ENDED = b".", b"i", b"e"


class Trainer:
    """The training at the other end of a pipe, as its mirror sees it.

    Parameters
    ----------
    descriptor : int
        Reading end of the pipe. The kernel closes the other one when the training dies, however
        it dies.

    Attributes
    ----------
    is_over : bool
        Whether the training has ended.
    was_interrupted : bool
        Whether it was asked to stop and can be gone on with.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.is_over = False
        self.was_interrupted = False

    def wait(self, timeout_s: float | None = None) -> None:
        """Until there is news, the training is over, or the time is."""
        if self.is_over or not select.select([self._descriptor], [], [], timeout_s)[0]:
            return
        said = os.read(self._descriptor, 1 << 16)
        self.was_interrupted = self.was_interrupted or STOPPED in said
        self.is_over = not said or STOPPED in said or ENDED in said
