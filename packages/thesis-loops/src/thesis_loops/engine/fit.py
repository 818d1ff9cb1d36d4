"""Training of torch models, epoch by epoch, on the services of the engine."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from signal import Signals
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from thesis_arch.checkpoint import model_payload
from thesis_loops.engine import distributed
from thesis_loops.engine.early_stopping import EarlyStopping
from thesis_loops.engine.finite import NonFiniteError, check_loss, check_state
from thesis_loops.engine.optimisation import StepOutput
from thesis_loops.engine.progress import Progress
from thesis_loops.engine.ranks import rank
from thesis_loops.engine.recorder import EpochResult
from thesis_loops.engine.run import Run
from thesis_loops.engine.seeds import seed_step
from thesis_loops.engine.settings import TrainerSettings
from thesis_loops.engine.tally import MOST_TRAINING_EVENTS, Tally

Metrics = Callable[[Mapping[str, np.ndarray]], dict[str, float]]


class Updater(Protocol):
    """How a batch changes the weights; `GradientUpdate` is the usual one."""

    def update(self, batch: Any) -> StepOutput | None: ...
    def evaluating(self) -> AbstractContextManager[None]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Job:
    """What a recipe hands to `fit`.

    Attributes
    ----------
    model : nn.Module
        What is saved; on the device of the run.
    updater : Updater
        Trains it.
    evaluate : callable
        Batch -> StepOutput, without gradients.
    train_batches : callable
        (epoch, first step) -> batches.
    val_batches : callable
        () -> batches.
    steps_per_epoch : int
        Number of training batches in an epoch.
    metrics : callable
        Per-event outputs of an epoch by name -> metrics by name.
    first_candidate : int
        Epoch from which on one can be the best, and early stopping counts.
    judged : callable
        Per-event outputs of validation by name -> None, on rank 0 before the model is kept: it may
        remember something of them.
    begin_epoch : callable
        (epoch, step) -> None, before the first step of an epoch, or before the one it goes on with.
    end_epoch : callable
        epoch -> None, on rank 0 after validation, while the model is as it was judged.
    for_pictures : dict
        By name what pictures want beside the outputs of validation. A callable makes it: it is
        only called where one is drawn, while the model is as it was judged.
    """

    model: nn.Module
    updater: Updater
    evaluate: Callable[[Any], StepOutput]
    train_batches: Callable[[int, int], Iterable[Any]]
    val_batches: Callable[[], Iterable[Any]]
    steps_per_epoch: int
    metrics: Metrics
    first_candidate: int = 0
    judged: Callable[[Mapping[str, np.ndarray]], None] = lambda outputs: None
    begin_epoch: Callable[[int, int], None] = lambda epoch, step: None
    end_epoch: Callable[[int], None] = lambda epoch: None
    for_pictures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the model has the weights to be tested.

    Attributes
    ----------
    best_epoch : int
        Epoch with the lowest validation loss.
    tested_epoch : int
        Epoch whose weights the model has now.
    histories : dict
        One value an epoch by name.
    """

    best_epoch: int
    tested_epoch: int
    histories: dict[str, list[float | None]]

    def at_best(self, name: str) -> float | None:
        """History `name` at the best epoch."""
        return self.histories[name][self.best_epoch]


def fit(run: Run, job: Job) -> Fitted:
    """Train, or go on training, until the epochs are done or patience is used up.

    Raises
    ------
    Interrupted
        A signal asked to stop; the run is saved and can be resumed.
    NonFiniteError
        The loss, or a weight, is no number; `last.pt` is from before.
    RunError
        The checkpoint to go on from does not fit, or nothing can be written any more.
    """
    return _Fit(run, job).run_to_end()


def evaluate_all(
    run: Run,
    job: Job,
    batches: Iterable[Any],
    check: Callable[[StepOutput, Any], None] | None = None,
) -> Tally:
    """Tally of `job.evaluate` over batches, without gradients; `check` sees output and batch."""
    tally = Tally()
    with torch.no_grad(), run.numerics.autocast():
        for batch in batches:
            moved = batch.to(run.numerics.device)
            output = job.evaluate(moved)
            if check is not None:
                check(output, moved)
            tally.add(output)
    return tally


class _Fit:
    def __init__(self, run: Run, job: Job) -> None:
        assert isinstance(run.settings, TrainerSettings)
        self.run, self.job, self.settings = run, job, run.settings
        self.epochs = self.settings.epochs
        self.epoch, self.step = 0, 0  # of the next training step
        self.seconds = 0.0  # spent in this epoch's training pass before now
        self.tally = Tally(MOST_TRAINING_EVENTS)
        self.stopping = EarlyStopping(self.settings.early_stopping)
        self.asked: Signals | None = None  # to stop, as all ranks have it
        if run.resumed is not None:
            with run.checkpoints.restoring():
                self._restore(run.resumed)
        self.saved_at = time.monotonic()
        self.progress = Progress(self.epochs, job.steps_per_epoch)

    def run_to_end(self) -> Fitted:
        done = self.epoch * self.job.steps_per_epoch + self.step
        with self.progress.shown(done):
            while self.epoch < self.epochs and not self.stopping.should_stop:
                self._train_epoch()
                self._close_epoch()
        return self._finish()

    def _train_epoch(self) -> None:
        self.job.model.train()
        started = time.monotonic() - self.seconds
        device = self.run.numerics.device
        self.run.recorder.at(self.epoch, self.step)  # of whatever fails: reading a batch may
        self.job.begin_epoch(self.epoch, self.step)
        for batch in self.job.train_batches(self.epoch, self.step):
            moved = batch.to(device)
            seed_step(self.settings.seed, self.epoch, self.step, rank())
            output = self.job.updater.update(moved)
            save_now = self._agree(moved, output)
            loss = None if output is None else self.tally.add(output)
            self.step += 1
            self.progress.step(self.epoch, loss)
            if save_now:
                self.seconds = time.monotonic() - started
                self._save()
                self.run.stop.raise_for(self.asked)
            self.run.recorder.at(self.epoch, self.step)
        self.seconds = time.monotonic() - started

    def _close_epoch(self) -> None:
        self.run.recorder.at(self.epoch, None)
        with self.job.updater.evaluating():
            validation = distributed.together(self._validate).over_ranks()
            arrays = validation.arrays()
            whole = self.tally.over_ranks()
            result = distributed.from_rank_zero(partial(self._judge, whole, validation, arrays))
            counts = self.epoch >= self.job.first_candidate
            is_best = counts and self.stopping.update(self.epoch, result.val_loss)
            if is_best:
                self.run.checkpoints.keep_best(model_payload(self.job.model))
            distributed.from_rank_zero(partial(self.job.end_epoch, self.epoch))
            # Facts before the checkpoint: what is recorded twice is cut, what is not is lost.
            shown = {"histories": self.run.recorder.histories, **self.job.for_pictures}
            self.run.recorder.epoch_end(result, {**arrays, **shown})
        self.progress.epoch(result, is_best)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.tally = Tally(MOST_TRAINING_EVENTS)
        self._save()
        self._agree_on_stopping()
        self.run.stop.raise_for(self.asked)

    def _validate(self) -> Tally:
        return evaluate_all(self.run, self.job, self.job.val_batches(), self._check_validation)

    def _judge(
        self, training: Tally, validation: Tally, arrays: Mapping[str, np.ndarray]
    ) -> EpochResult:
        self.job.judged(arrays)
        return EpochResult(
            epoch=self.epoch,
            train_loss=training.loss,
            val_loss=validation.loss,
            train_metrics=self.job.metrics(training.arrays()),
            val_metrics=self.job.metrics(arrays),
            epoch_time_s=self.seconds,
            throughput=training.n_events / self.seconds,
        )

    def _finish(self) -> Fitted:
        best = self.run.checkpoints.best
        tested = self.epoch - 1
        if self.settings.early_stopping.restore_best_weights and best is not None:
            self.job.model.load_state_dict(best["weights"])
            tested = self.stopping.best_epoch
        else:  # the last weights, as the last epoch was validated: averaged where they are
            with self.job.updater.evaluating():
                judged = model_payload(self.job.model)["weights"]
            self.job.model.load_state_dict(judged)
        self.job.model.eval()
        return Fitted(self.stopping.best_epoch, tested, self.run.recorder.histories)

    def _agree(self, batch: Any, output: StepOutput | None) -> bool:
        """Whether to save now, which all ranks do or none; raise where a loss is not finite."""
        error = None
        try:
            if output is not None:
                check_loss(output.loss, batch, "training", self._where())
        except NonFiniteError as found:
            error = found
        failed, received, due = distributed.highest(
            error is not None, self.run.stop.received or 0, self._save_is_due()
        )
        distributed.fail_together(error, failed)
        self.asked = Signals(received) if received else None
        return bool(received or due)

    def _agree_on_stopping(self) -> None:
        (received,) = distributed.highest(self.run.stop.received or 0)
        self.asked = Signals(received) if received else None

    def _where(self) -> str:
        return f"epoch {self.epoch + 1}, step {self.step + 1} of {self.job.steps_per_epoch}"

    def _check_validation(self, output: StepOutput, batch: Any) -> None:
        check_loss(output.loss, batch, "validation", f"epoch {self.epoch + 1}")

    def _save_is_due(self) -> bool:
        every = self.run.checkpoint_every_s
        return every is not None and time.monotonic() - self.saved_at >= every

    def _save(self) -> None:
        tally = self.tally.over_ranks().state_dict()
        distributed.from_rank_zero(partial(self._write, tally))
        self.saved_at = time.monotonic()

    def _write(self, tally: dict[str, Any]) -> None:
        state = {
            "model": model_payload(self.job.model),
            "updater": self.job.updater.state_dict(),
            "stopping": self.stopping.state_dict(),
            "recorder": self.run.recorder.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "tally": tally,
            "config": self.run.config,
        }
        check_state({name: state[name] for name in ("model", "updater")}, f"epoch {self.epoch + 1}")
        self.run.checkpoints.save(state)

    def _restore(self, state: dict[str, Any]) -> None:
        self.job.model.load_state_dict(state["model"]["weights"])
        self.job.updater.load_state_dict(state["updater"])
        self.stopping.load_state_dict(state["stopping"])
        self.epoch, self.step, self.seconds = state["epoch"], state["step"], state["seconds"]
        if rank() == 0:  # it is that of all ranks together
            self.tally.load_state_dict(state["tally"], self.run.numerics.device)
