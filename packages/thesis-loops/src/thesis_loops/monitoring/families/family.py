"""What a kind of picture is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thesis_loops.monitoring.payload import Payload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AS_EPOCHS_GO = ("on_epoch_end_quick", "on_train_end_full")
OF_EVENTS = ("on_validation_end", "on_test_end")


@dataclass(frozen=True)
class Family:
    """A kind of picture.

    Attributes
    ----------
    moments : tuple of str
        When it is drawn, where the config wants that moment.
    has_inputs : callable
        Whether a payload holds what it shows; else it is not drawn.
    draw : callable
        Payload -> figure.
    first_guess_s : float
        What a picture takes on a machine that others use too, its part of loading matplotlib
        included; for the budget, until one is drawn.
    """

    moments: tuple[str, ...]
    has_inputs: Callable[[Payload], bool]
    draw: Callable[[Payload], Figure]
    first_guess_s: float = 0.5

    @property
    def shows_events(self) -> bool:
        """Whether it shows the events of one split, not what became of the epochs."""
        return self.moments == OF_EVENTS
