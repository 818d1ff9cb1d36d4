"""How much of a run's time may go into pictures."""

import time
from collections.abc import Generator
from contextlib import contextmanager

_FIRST_GUESS_S = 0.5  # of a picture on a busy machine, its part of loading matplotlib included


class Budget:
    """Pictures of a run that trains are drawn only as far as their share of its time allows.

    What the end of the run will draw is put aside first. A picture that takes longer than those
    before it is paid for by the ones that come later and are not drawn.

    Parameters
    ----------
    share : float or None
        Of the time since the run began here; None for no limit.
    """

    def __init__(self, share: float | None) -> None:
        self.share = share
        self.spent_s = 0.0
        self.n_drawn = 0
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this budget was opened."""
        return time.monotonic() - self._started

    def allows(self, n_pictures: int, n_at_the_end: int) -> bool:
        """Whether so many can be drawn now, and so many at the end, within the share."""
        if self.share is None:
            return True
        of_one = self.spent_s / self.n_drawn if self.n_drawn else _FIRST_GUESS_S
        expected = self.spent_s + (n_pictures + n_at_the_end) * of_one
        return expected <= self.share * self.elapsed_s

    @contextmanager
    def spending(self, n_pictures: int) -> Generator[None]:
        """So many are drawn in here."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.spent_s += time.monotonic() - begun
            self.n_drawn += n_pictures
