"""Parts of models that take statistics of training events."""

from abc import abstractmethod
from collections.abc import Iterable

from torch import nn

from thesis_arch.frozen import own_modules
from thesis_arch.physics.event_objects import EventObjects


class Observer(nn.Module):
    """A module that normalises what it derives from objects by statistics of training events."""

    @abstractmethod
    def observe(self, objects: EventObjects) -> None:
        """Add valid objects, pairs or events of a training batch to the statistics."""

    @abstractmethod
    def finish(self) -> None:
        """Fix the statistics."""


def fit_observers(model: nn.Module, batches: Iterable[EventObjects]) -> None:
    """Set the statistics of all observers in `model` from the objects of training batches.

    Those of a frozen model in it stay as they are.
    """
    observers = [module for module in own_modules(model) if isinstance(module, Observer)]
    for objects in batches if observers else ():
        for observer in observers:
            observer.observe(objects)
    for observer in observers:
        observer.finish()
