"""From a loss to new weights."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from thesis_loops.engine import distributed
from thesis_loops.engine.adamw import AdamW
from thesis_loops.engine.averaging import WeightAverage, as_judged
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.schedule import fitting_warmup, learning_rate
from thesis_loops.engine.settings import TrainerSettings


@dataclass(frozen=True)
class StepOutput:
    """What one batch gave.

    Attributes
    ----------
    loss : Tensor
        Scalar, mean over the events of the batch.
    n_events : int
        Number of events.
    outputs : dict
        Per-event tensors [B, …], detached, from which the metrics of the epoch are computed.
    mean_weight : float
        Mean event weight where `loss` is a mean of weighted losses.
    divisor : float or None
        What the sum of losses was divided by, where that is not the number of events: the sum
        of class weights.
    penalty : Tensor or None
        What the weights are trained on beside the loss; it is no part of the loss that is told.
    """

    loss: Tensor
    n_events: int
    outputs: dict[str, Tensor] = field(default_factory=dict)
    mean_weight: float = 1.0
    divisor: float | None = None
    penalty: Tensor | None = None

    @property
    def objective(self) -> Tensor:
        """What is minimised."""
        return self.loss if self.penalty is None else self.loss + self.penalty

    @property
    def size(self) -> float:
        """Weight of this batch among others: `loss` times it is a sum over events."""
        return self.n_events if self.divisor is None else self.divisor


class Optimisation:
    """AdamW with a schedule, clipping and loss scaling, for one set of parameters.

    A loop with two players (generator and discriminator) holds two of them.

    Parameters
    ----------
    module : nn.Module
        Whose parameters are trained.
    settings : TrainerSettings
        Rates, schedule, decay, clipping.
    total_steps : int
        Steps of the whole run.
    numerics : Numerics
        Device and precision.
    rates : dict, optional
        Factors of the learning rate of parameters by name; 1 where they are left out.
    """

    def __init__(
        self,
        module: nn.Module,
        settings: TrainerSettings,
        total_steps: int,
        numerics: Numerics,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.settings, self.total_steps = fitting_warmup(settings, total_steps), total_steps
        self.module = module
        distributed.same_weights(module)
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        groups = _groups(module, settings.weight_decay, rates or {})
        self.optimiser = AdamW(groups, lr=settings.lr, fused=True)
        self.scaler = torch.amp.GradScaler(numerics.device.type, enabled=numerics.amp == "fp16")
        self.steps = 0

    def step(self, loss: Tensor | None, size: float = 1.0) -> None:
        """Backward pass, clipping, update.

        Parameters
        ----------
        loss : Tensor or None
            Scalar; None where this rank has no event of the batch.
        size : float
            Weight of this rank's part of the batch among the others.
        """
        rate = learning_rate(self.steps, self.settings, self.total_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        self.optimiser.zero_grad(set_to_none=True)
        if loss is not None:
            self.scaler.scale(loss).backward()
        training = [p for p in self.parameters if p.requires_grad]  # some may be frozen for now
        distributed.average_gradients(training, size)
        distributed.average_statistics(self.module)
        if self.settings.grad_clip:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(training, self.settings.grad_clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.steps += 1

    def forget(self, parameter: Tensor) -> None:
        """Drop the moments of a parameter that begins anew."""
        self.optimiser.state.pop(parameter, None)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "steps": self.steps,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.steps = state["steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        for parameter, moments in self.optimiser.state.items():  # torch would find out later
            for name, values in moments.items():
                if values.ndim and values.shape != parameter.shape:
                    shapes = f"{tuple(values.shape)} for weights of {tuple(parameter.shape)}"
                    raise ValueError(f"{name} of the optimiser has the shape {shapes}")
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])


def _groups(module: nn.Module, decay: float, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """What the optimiser treats alike: decay or none, one rate."""
    # Decay pulls to zero whatever has two dimensions: matrices, and with them embedding tables
    # and the CLS token. On biases, norms and gates it would only do harm.
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            key = (decay if parameter.ndim >= 2 else 0.0, rates.get(name, 1.0))
            groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "weight_decay": own_decay, "rate": rate}
        for (own_decay, rate), parameters in groups.items()
    ]


class GradientUpdate:
    """The update of loops with one loss; `fit` takes anything with the same methods.

    Parameters
    ----------
    model : nn.Module
        What is trained.
    compute : callable
        Batch -> StepOutput.
    settings, total_steps, numerics, rates
        As for `Optimisation`.
    """

    def __init__(
        self,
        model: nn.Module,
        compute: Callable[[Any], StepOutput],
        settings: TrainerSettings,
        total_steps: int,
        numerics: Numerics,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.compute, self.numerics = model, compute, numerics
        self.optimisation = Optimisation(model, settings, total_steps, numerics, rates)
        decay = settings.ema_decay
        self.average = WeightAverage(model, decay) if decay is not None else None

    def update(self, batch: Any) -> StepOutput | None:
        """One training step; None for a batch without events, which a rank may have as its part."""
        output = None
        if len(batch):
            with self.numerics.autocast():
                output = self.compute(batch)
        if output is None:
            self.optimisation.step(None, 0.0)
        else:
            self.optimisation.step(output.objective, output.size)
        if self.average is not None:
            self.average.update()
        return output

    def start_again(self, parameter: Tensor) -> None:
        """A parameter has new values that have nothing to do with those before."""
        self.optimisation.forget(parameter)
        if self.average is not None:
            self.average.restart()

    def evaluating(self) -> AbstractContextManager[None]:
        """The model as it is to be judged: eval mode, averaged weights."""
        return as_judged(self.model, self.average)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        average = self.average.state_dict() if self.average is not None else None
        return {"optimisation": self.optimisation.state_dict(), "average": average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.optimisation.load_state_dict(state["optimisation"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
