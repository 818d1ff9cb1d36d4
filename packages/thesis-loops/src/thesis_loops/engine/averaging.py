"""An exponential moving average of the weights."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Average of the parameters over the last steps (Polyak and Juditsky, 1992).

    Early on the decay is (1 + t) / (10 + t), so that the average forgets where training began.

    Parameters
    ----------
    model : nn.Module
        Whose parameters to follow.
    decay : float
        Weight of the past in each step, e.g. 0.999.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._parameters = dict(model.named_parameters())
        self._average = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights in."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages: list[Tensor] = list(self._average.values())
        weights: list[Tensor] = list(self._parameters.values())
        torch._foreach_lerp_(averages, weights, 1 - decay)

    @contextmanager
    def applied(self) -> Generator[None]:
        """The model has the averaged weights inside, its own again after."""
        own = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._copy(self._average)
        try:
            yield
        finally:
            self._copy(own)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "average": self._average}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.steps = state["steps"]
        for name, average in self._average.items():
            average.copy_(state["average"][name])

    @torch.no_grad()
    def _copy(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name])
