"""How much of a run's time may go into pictures."""

import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager


class Budget:
    """Pictures of a run that trains are drawn only as far as their share of its time allows.

    Each family has its own price: one for which the model has to compute takes ten times as long
    as curves. What the end of the run will draw is put aside first. A picture that takes longer
    than those of its family before it is paid for by the ones that come later and are not drawn.

    Parameters
    ----------
    share : float or None
        Of the time since the run began here; None for no limit.
    first_guess_s : mapping
        Seconds of a picture by family, until one of it is drawn.
    """

    def __init__(self, share: float | None, first_guess_s: Mapping[str, float]) -> None:
        self.share = share
        self.took_s: dict[str, list[float]] = defaultdict(list)
        self._first_guess_s = first_guess_s
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this budget was opened."""
        return time.monotonic() - self._started

    @property
    def spent_s(self) -> float:
        """Seconds that all pictures took so far."""
        return sum(map(sum, self.took_s.values()))

    def allows(self, families: Sequence[str]) -> bool:
        """Whether one picture more of each of these, with those of the end, is within the share."""
        if self.share is None:
            return True
        return self.spent_s + sum(map(self._price_s, families)) <= self.share * self.elapsed_s

    @contextmanager
    def spending(self, family: str) -> Generator[None]:
        """A picture of it is drawn in here."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.took_s[family].append(time.monotonic() - begun)

    def _price_s(self, family: str) -> float:
        took = self.took_s.get(family)
        return sum(took) / len(took) if took else self._first_guess_s[family]
