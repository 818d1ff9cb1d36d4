"""What all autoencoder loops share: sections, data, losses, metrics of an epoch."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import VqLatentConfig
from thesis_arch.auxiliary import auxiliary_loss
from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import AugmentConfig, DataConfig
from thesis_data.events import EventBatch, EventSplit
from thesis_data.loading import EventData, load_events
from thesis_facts.errors import ConfigError
from thesis_facts.metrics.codebook import codes_used, perplexity
from thesis_loops.anomaly import conclude
from thesis_loops.config import (
    AdversarialSection,
    AutoencoderSection,
    DiffusionSection,
    RunConfig,
)
from thesis_loops.engine.fit import Job, Updater, fit
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.ranks import n_ranks, shard
from thesis_loops.engine.run import Run
from thesis_loops.engine.settings import TrainerSettings
from thesis_loops.illustrations import illustrations
from thesis_loops.starting import begin_facts, events_section

Phase1 = AutoencoderSection | AdversarialSection | DiffusionSection
S = TypeVar("S", AutoencoderSection, AdversarialSection, DiffusionSection)


def phase1_sections(config: RunConfig, kind: type[S]) -> tuple[S, DataConfig]:
    """The sections of a config that an autoencoder loop reads.

    Raises
    ------
    ConfigError
        They are those of another loop.
    """
    section = config.phase1
    if not isinstance(section, kind):
        raise ConfigError(
            "the loop needs a phase1 section of its own",
            key="phase1",
            found="none" if section is None else type(section).__name__,
            expected=kind.__name__,
            do="choose loop=ae, gan_ae or diffusion_ae and leave their parts as they are",
        )
    return section, events_section(config)


def normalisation(events: DataConfig) -> Literal["zscore", "log_zscore"]:
    """How momenta are normalised.

    Raises
    ------
    ConfigError
        They are not: an error in GeV would see the hardest objects alone.
    """
    if events.norm == "none":
        raise ConfigError(
            "an error in GeV would see the hardest objects alone",
            key="data.norm",
            found="none",
            expected="zscore or log_zscore",
        )
    return events.norm


def load_lesson(section: Phase1, events: DataConfig) -> EventData:
    """Training and validation events of the processes that the model is to learn from.

    Raises
    ------
    ConfigError
        Some rank would have no event of a batch, which a shared codebook can't do with.
    """
    data = load_events(events, ("train", "val"), only=section.anomaly.background)
    size = section.trainer.batch_size
    smallest = len(data.train) % size if isinstance(data.train, EventSplit) else size
    has_codes = isinstance(section.latent_space, VqLatentConfig)
    if has_codes and min(size, smallest or size) < n_ranks():
        raise ConfigError(
            "a batch has no event for some rank",
            key="phase1.trainer.batch_size",
            found=f"{size} of {len(data.train)} events for {n_ranks()} ranks",
            do="choose another batch_size",
        )
    return data


def train_reconstruction(
    run: Run,
    model: AutoencoderBase,
    lesson: EventData,
    data: EventData,
    section: AutoencoderSection | DiffusionSection,
    events: DataConfig,
) -> dict[str, Any]:
    """Train an autoencoder on its own objective, score the events of `data`, and sum up."""
    trainer = section.trainer

    def train_step(batch: EventBatch) -> StepOutput:
        return step_output(model, batch, model(batch))

    begin_facts(run, model, events)
    total = steps_per_epoch(lesson.train, trainer.batch_size) * trainer.epochs
    updater = GradientUpdate(model, train_step, trainer, total, run.numerics)
    job = reconstruction_job(trainer, model, lesson, events.augment, updater)
    return conclude(run, model, data, section.anomaly, fit(run, job))


def reconstruction_job(
    trainer: TrainerSettings,
    model: AutoencoderBase,
    data: EventData,
    augment: AugmentConfig,
    updater: Updater,
    first_candidate: int = 0,
) -> Job:
    """What `fit` needs to train an autoencoder.

    The kept model knows how often each of its codes comes in the validation events: those of the
    training pass are from a model that still changed.
    """

    def batches(epoch: int, start_step: int) -> Iterable[EventBatch]:
        return train_batches(
            data.train,
            trainer.batch_size,
            seed=trainer.seed,
            epoch=epoch,
            start_step=start_step,
            augment=augment,
            shard=shard(),
        )

    def remember_usage(outputs: Mapping[str, np.ndarray]) -> None:
        if "codes" in outputs:
            model.remember_usage(torch.from_numpy(outputs["codes"]))

    return Job(
        model=model,
        updater=updater,
        evaluate=lambda batch: step_output(model, batch, model(batch)),
        train_batches=batches,
        val_batches=partial(eval_batches, data.val, trainer.batch_size, shard=shard()),
        steps_per_epoch=steps_per_epoch(data.train, trainer.batch_size),
        metrics=epoch_metrics,
        first_candidate=first_candidate,
        judged=remember_usage,
        for_pictures=illustrations(model, data.val),
    )


def step_output(
    model: AutoencoderBase, batch: EventBatch, results: Mapping[str, Tensor]
) -> StepOutput:
    """Loss of a batch from what the model returned, weighted where its events have weights.

    In training the penalties of the model (commitment) come on top of it.
    """
    losses = model.objective(dict(results))
    outputs = {name: values.detach() for name, values in results.items()}
    if "codes" in outputs:  # batches are as long as their longest event
        missing = model.spec.n_tokens - outputs["codes"].shape[1]
        outputs["codes"] = functional.pad(outputs["codes"], (0, missing), value=-1).short()
    penalty = auxiliary_loss(model) if model.training else None
    if batch.weight is None:
        return StepOutput(losses.mean(), len(losses), outputs, penalty=penalty)
    outputs["weight"] = batch.weight
    mean_weight = float(batch.weight.mean())
    loss = (losses * batch.weight).mean()
    return StepOutput(loss, len(losses), outputs, mean_weight, penalty=penalty)


def epoch_metrics(outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Mean of each error over the events of an epoch, and how the codebook was used."""
    weight = outputs.get("weight")
    metrics = {
        name: float(np.average(values, weights=weight))
        for name, values in outputs.items()
        if name not in ("codes", "weight")
    }
    if "codes" in outputs:
        codes = outputs["codes"]
        metrics["perplex"] = perplexity(codes[codes >= 0])
        metrics["codes_used"] = float(codes_used(codes[codes >= 0]))
    return metrics
