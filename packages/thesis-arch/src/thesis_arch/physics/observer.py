"""Parts of models that take statistics of training events."""

from abc import abstractmethod

from torch import nn

from thesis_arch.physics.event_objects import EventObjects


class Observer(nn.Module):
    """A module that normalises what it derives from objects by statistics of training events."""

    @abstractmethod
    def observe(self, objects: EventObjects) -> None:
        """Add valid objects, pairs or events of a training batch to the statistics."""

    @abstractmethod
    def finish(self) -> None:
        """Fix the statistics."""


def observers(model: nn.Module) -> list[Observer]:
    """All observers in `model`."""
    return [module for module in model.modules() if isinstance(module, Observer)]
