"""What an epoch adds up to."""

from collections import deque
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thesis_loops.engine import distributed
from thesis_loops.engine.optimisation import StepOutput
from thesis_loops.engine.ranks import n_ranks

MOST_TRAINING_EVENTS = 1 << 20
"""Outputs of so many events are kept of a training pass; more would not sharpen its metrics."""


class Tally:
    """Mean loss over the batches of an epoch, and per-event outputs of the last events in it.

    It can be stored in the middle of an epoch, so that a resumed epoch reports the same numbers.

    Parameters
    ----------
    most_events : int or None
        Of the outputs, those of so many last events are kept, which bounds memory and
        checkpoints (9 bytes an event with two classes). None keeps all.
    """

    def __init__(self, most_events: int | None = None) -> None:
        self.most_events = most_events
        self.n_events = 0
        self._loss_sum = 0.0
        self._weight_sum = 0.0
        self._outputs: dict[str, deque[Tensor]] = {}
        self._kept: dict[str, int] = {}

    def add(self, output: StepOutput) -> float:
        """Take the output of one batch in; returns its loss."""
        loss = float(output.loss.detach())
        self.n_events += output.n_events
        self._loss_sum += loss * output.size
        self._weight_sum += output.mean_weight * output.size
        for name, values in output.outputs.items():
            self._keep(name, values.detach())
        return loss

    def over_ranks(self) -> "Tally":
        """On rank 0 what all ranks added up; elsewhere this one."""
        states = distributed.gather(self.state_dict()) if n_ranks() > 1 else []
        if not states:
            return self
        whole = Tally(self.most_events)
        for state in states:
            whole.n_events += state["n_events"]
            whole._loss_sum += state["loss_sum"]
            whole._weight_sum += state["weight_sum"]
            for name, values in state["outputs"].items():
                whole._keep(name, values)
        return whole

    @property
    def loss(self) -> float:
        """Mean over all events so far, weighted where the events are."""
        return self._loss_sum / self._weight_sum if self._weight_sum else float("nan")

    def arrays(self) -> dict[str, np.ndarray]:
        """Outputs of the events that are kept, by name [N, …]."""
        return {name: values.numpy() for name, values in self._joined().items()}

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "n_events": self.n_events,
            "loss_sum": self._loss_sum,
            "weight_sum": self._weight_sum,
            "outputs": {name: _compact(values) for name, values in self._joined().items()},
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """From a checkpoint."""
        self.n_events = state["n_events"]
        self._loss_sum, self._weight_sum = state["loss_sum"], state["weight_sum"]
        self._outputs, self._kept = {}, {}
        for name, values in state["outputs"].items():
            whole = values if values.is_floating_point() else values.long()
            self._keep(name, whole.to(device))

    def _keep(self, name: str, values: Tensor) -> None:
        parts = self._outputs.setdefault(name, deque())
        parts.append(values)
        self._kept[name] = self._kept.get(name, 0) + len(values)
        if self.most_events is not None:
            while self._kept[name] - len(parts[0]) >= self.most_events:
                self._kept[name] -= len(parts.popleft())

    def _joined(self) -> dict[str, Tensor]:
        # cut by events, not by batches: a resumed epoch has other batches in one piece
        first = 0 if self.most_events is None else -self.most_events
        return {name: torch.cat(list(p))[first:].cpu() for name, p in self._outputs.items()}


def _compact(values: Tensor) -> Tensor:
    """Integers as bytes where they fit: labels do. A copy, not a view of something larger."""
    if values.dtype == torch.int64 and len(values):
        low, high = (int(v) for v in values.aminmax())
        if low >= -128 and high <= 127:
            return values.to(torch.int8)
    return values.clone()
