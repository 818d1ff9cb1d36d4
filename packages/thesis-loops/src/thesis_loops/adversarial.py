"""The update of an autoencoder and its discriminator, in turn on each batch."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from thesis_arch.autoencoder.discriminator import Discriminator, hinge_loss
from thesis_arch.autoencoder.features import Found, Truth
from thesis_arch.autoencoder.model import Autoencoder
from thesis_arch.physics.event_objects import EventObjects
from thesis_data.events import EventBatch
from thesis_loops.config import AdversarialTrainer
from thesis_loops.engine.averaging import WeightAverage, as_judged
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import Optimisation, StepOutput
from thesis_loops.reconstruction import step_output

_STRONGEST_PULL = 1e4


class AdversarialUpdate:
    """Reconstruct, and once the game has begun please the discriminator; then teach that.

    Parameters
    ----------
    model : Autoencoder
        What is trained and saved.
    discriminator : Discriminator
        Its opponent, which `last.pt` alone keeps.
    settings : AdversarialTrainer
        Rates, and the game.
    steps_per_epoch : int
        Batches of an epoch.
    numerics : Numerics
        Device and precision.
    """

    def __init__(
        self,
        model: Autoencoder,
        discriminator: Discriminator,
        settings: AdversarialTrainer,
        steps_per_epoch: int,
        numerics: Numerics,
    ) -> None:
        self.model, self.discriminator, self.numerics = model, discriminator, numerics
        self.game = settings.adversarial
        total = steps_per_epoch * settings.epochs
        self.first_step = steps_per_epoch * self.game.start_epoch
        self.generator = Optimisation(model, settings, total, numerics)
        # Its schedule is that of the game: warm-up when it begins, zero when the run ends.
        teacher = settings.model_copy(update={"lr": self.game.lr})
        self.teacher = Optimisation(discriminator, teacher, total - self.first_step, numerics)
        decay = settings.ema_decay
        self.average = WeightAverage(model, decay) if decay is not None else None

    @property
    def has_begun(self) -> bool:
        """Whether the discriminator plays already."""
        return self.generator.steps >= self.first_step

    def update(self, batch: EventBatch) -> StepOutput | None:
        """One step of both; None for a batch without events, which a rank may have as its part."""
        output = self._play(batch) if len(batch) else self._sit_out()
        if self.average is not None:
            self.average.update()
        return output

    def _sit_out(self) -> None:
        playing = self.has_begun
        self.generator.step(None, 0.0)
        if playing:
            self.teacher.step(None, 0.0)

    def _play(self, batch: EventBatch) -> StepOutput:
        playing = self.has_begun
        with self.numerics.autocast():
            objects = EventObjects.of(batch, self.model.spec)
            results, found, truth = self.model.compare(objects)
            output = step_output(self.model, batch, results)
            objective = output.objective
            if playing:
                self.discriminator.requires_grad_(False)
                deceit = -_mean(self.discriminator.of_reconstruction(found, objects), batch)
                pull = self._pull(output.loss, deceit)
                objective = objective + self.game.weight * pull * deceit
                self.discriminator.requires_grad_(True)
        self.generator.step(objective, output.size)
        if playing:
            lesson = self._teach(found, truth, objects, batch, output.size)
            output.outputs.update(lesson | {"pull": pull.expand(len(batch))})
        return output

    def _teach(
        self,
        found: Found,
        truth: Truth,
        objects: EventObjects,
        batch: EventBatch,
        size: float,
    ) -> dict[str, Tensor]:
        """A step of the discriminator; its loss [B], and logits [B] of events and of
        reconstructions."""
        with self.numerics.autocast():
            of_truth = self.discriminator.of_truth(truth, objects)
            detached = Found(found.momenta.detach(), found.id_logits.detach(), None)
            of_found = self.discriminator.of_reconstruction(detached, objects)
            losses = hinge_loss(of_truth, of_found)
            loss = _mean(losses, batch)
        self.teacher.step(loss, size)
        return {
            "hinge": losses.detach(),
            "logit_true": of_truth.detach(),
            "logit_reconstructed": of_found.detach(),
        }

    def _pull(self, loss: Tensor, deceit: Tensor) -> Tensor:
        """Factor by which both pull alike on the decoder's last layer (Esser et al.,
        arXiv:2012.09841, eq. 7); each rank has that of its part of the batch."""
        if not self.game.adaptive:
            return torch.ones_like(deceit)
        last = self.model.decoder.heads.momenta.weight
        scale = self.generator.scaler.get_scale()  # or fp16 would lose small gradients
        (own,) = torch.autograd.grad(loss * scale, last, retain_graph=True)
        (its,) = torch.autograd.grad(deceit * scale, last, retain_graph=True)
        return (own.norm() / (its.norm() + 1e-4 * scale)).clamp(0, _STRONGEST_PULL).detach()

    def evaluating(self) -> AbstractContextManager[None]:
        """The model as it is to be judged: eval mode, averaged weights."""
        return as_judged(self.model, self.average)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "generator": self.generator.state_dict(),
            "teacher": self.teacher.state_dict(),
            "discriminator": dict(self.discriminator.state_dict()),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.generator.load_state_dict(state["generator"])
        self.teacher.load_state_dict(state["teacher"])
        self.discriminator.load_state_dict(state["discriminator"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def _mean(values: Tensor, batch: EventBatch) -> Tensor:
    """Mean over the events [B], weighted where they have weights, as the reconstruction is."""
    return values.mean() if batch.weight is None else (values * batch.weight).mean()
