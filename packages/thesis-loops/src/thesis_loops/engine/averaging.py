"""An exponential moving average of the weights."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def as_judged(model: nn.Module, average: "WeightAverage | None") -> Generator[None]:
    """The model as it is to be judged: eval mode, averaged weights where there are any."""
    model.eval()
    with average.applied() if average is not None else nullcontext():
        yield
    model.train()


class WeightAverage:
    """Average of the weights over the last steps (Polyak and Juditsky, 1992).

    Weights are the parameters, and the buffers that hold real numbers: averaged parameters with
    the batch-norm statistics of the last step alone would be a model that never was. Left out are
    buffers of modules with `moving_buffers`, which are averages that jump where they have to.

    Early on the decay is (1 + t) / (10 + t), so that the average forgets where training began.

    Parameters
    ----------
    model : nn.Module
        Whose weights to follow.
    decay : float
        Weight of the past in each step, e.g. 0.999.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        moving = tuple(
            f"{name}." for name, m in model.named_modules() if getattr(m, "moving_buffers", False)
        )
        buffers = {
            name: values
            for name, values in model.named_buffers()
            if values.is_floating_point() and not name.startswith(moving)
        }
        self._weights: dict[str, Tensor] = dict(model.named_parameters()) | buffers
        self._average = {name: w.detach().clone() for name, w in self._weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights in."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages: list[Tensor] = list(self._average.values())
        weights: list[Tensor] = list(self._weights.values())
        torch._foreach_lerp_(averages, weights, 1 - decay)

    def restart(self) -> None:
        """Begin anew with the model's present weights."""
        self.steps = 0
        for name, weights in self._weights.items():
            self._average[name].copy_(weights.detach())

    @contextmanager
    def applied(self) -> Generator[None]:
        """The model has the averaged weights inside, its own again after."""
        own = {name: w.detach().clone() for name, w in self._weights.items()}
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
            saved = state["average"][name]
            if saved.shape != average.shape:  # `copy_` would broadcast
                raise ValueError(f"the average of {name} has the shape {tuple(saved.shape)}")
            average.copy_(saved)

    @torch.no_grad()
    def _copy(self, values: dict[str, Tensor]) -> None:
        for name, weights in self._weights.items():
            weights.copy_(values[name])
