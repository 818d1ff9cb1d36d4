"""How many objects an event has."""

import torch
from torch import Tensor

from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import Observer


class Multiplicity(Observer):
    """Distribution of the number of objects in the training events.

    Parameters
    ----------
    n_tokens : int
        Largest number of objects.
    """

    counts: Tensor

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(n_tokens + 1))

    def observe(self, objects: EventObjects) -> None:
        lengths = objects.mask.sum(1).cpu()
        self.counts += torch.bincount(lengths, minlength=len(self.counts)).to(self.counts)

    def finish(self) -> None:
        pass

    def surprise(self, lengths: Tensor) -> Tensor:
        """[B] numbers of objects -> [B] -ln p; a number never seen counts as seen half a time."""
        counts = self.counts.clamp_min(0.5)
        return -(counts / counts.sum()).log()[lengths]

    def sample(self, n_events: int, generator: torch.Generator | None = None) -> Tensor:
        """[n_events] int64 on the CPU, where the generator is."""
        return torch.multinomial(self.counts.cpu(), n_events, replacement=True, generator=generator)
