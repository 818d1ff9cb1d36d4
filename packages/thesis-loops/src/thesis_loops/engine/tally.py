"""What an epoch adds up to."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from thesis_loops.engine.optimisation import StepOutput


class Tally:
    """Mean loss and per-event outputs over the batches of an epoch.

    It can be stored in the middle of an epoch, so that a resumed epoch reports the same numbers.
    """

    def __init__(self) -> None:
        self.n_events = 0
        self._loss_sum = 0.0
        self._weight_sum = 0.0
        self._outputs: dict[str, list[Tensor]] = {}

    def add(self, output: StepOutput) -> float:
        """Take the output of one batch in; returns its loss."""
        loss = float(output.loss.detach())
        self.n_events += output.n_events
        self._loss_sum += loss * output.n_events
        self._weight_sum += output.mean_weight * output.n_events
        for name, values in output.outputs.items():
            self._outputs.setdefault(name, []).append(values.detach())
        return loss

    @property
    def loss(self) -> float:
        """Mean over all events so far, weighted where the events are."""
        return self._loss_sum / self._weight_sum if self._weight_sum else float("nan")

    def arrays(self) -> dict[str, np.ndarray]:
        """Outputs of all events so far, by name [N, …]."""
        return {name: torch.cat(parts).cpu().numpy() for name, parts in self._outputs.items()}

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "n_events": self.n_events,
            "loss_sum": self._loss_sum,
            "weight_sum": self._weight_sum,
            "outputs": {name: torch.cat(parts).cpu() for name, parts in self._outputs.items()},
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """From a checkpoint."""
        self.n_events = state["n_events"]
        self._loss_sum, self._weight_sum = state["loss_sum"], state["weight_sum"]
        self._outputs = {name: [values.to(device)] for name, values in state["outputs"].items()}
