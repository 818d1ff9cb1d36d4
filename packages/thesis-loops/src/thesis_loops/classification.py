"""What all loops share that tell processes apart: sections, facts, loss and its metrics."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.auxiliary import auxiliary_loss
from thesis_arch.strict import Section
from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import AugmentConfig, DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import EventData
from thesis_facts.errors import ConfigError
from thesis_facts.metrics import classification_metrics
from thesis_loops.config import (
    BoostingSection,
    ClassifierSection,
    ClassifierTrainer,
    RunConfig,
)
from thesis_loops.engine.fit import Job, fit
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.ranks import shard
from thesis_loops.engine.run import Run
from thesis_loops.evaluation import Scorer, conclude
from thesis_loops.interpretability import InterpretabilityWriter
from thesis_loops.pid_schedule import PidSchedule
from thesis_loops.starting import begin_facts, events_section


class Labelled(Protocol):
    """Events with their classes [B] and, where the data have them, (signed) weights [B]."""

    @property
    def label(self) -> Tensor: ...
    @property
    def weight(self) -> Tensor | None: ...


S = TypeVar("S", ClassifierSection, BoostingSection)
M = TypeVar("M", bound=Section)


def classifier_sections(config: RunConfig) -> tuple[ClassifierSection, DataConfig]:
    """The sections of a config that a network on collider events reads.

    Raises
    ------
    ConfigError
        They are those of another kind of loop.
    """
    return _sections(config, ClassifierSection)


def boosting_sections(config: RunConfig) -> tuple[BoostingSection, DataConfig]:
    """The sections of a config that boosted trees on collider events read.

    Raises
    ------
    ConfigError
        They are those of another kind of loop.
    """
    return _sections(config, BoostingSection)


def model_section(section: ClassifierSection, family: type[M]) -> M:
    """`classifier.model`, where it is of the family that a recipe builds.

    Raises
    ------
    ConfigError
        It is another family's.
    """
    if not isinstance(section.model, family):
        raise _another_model(section.model)
    return section.model


def _sections(config: RunConfig, kind: type[S]) -> tuple[S, DataConfig]:
    if config.classifier is None:
        raise ConfigError("the loop needs a classifier section", key="classifier")
    if not isinstance(config.classifier, kind):
        raise _another_model(config.classifier.model)
    return config.classifier, events_section(config)


def _another_model(model: Section) -> ConfigError:
    return ConfigError(
        "the loop can't train this model",
        key="classifier.model.name",
        found=getattr(model, "name", None),
        do="choose the loop of that name, or another classifier/model",
    )


def train_network(
    run: Run, model: nn.Module, data: EventData, events: DataConfig, trainer: ClassifierTrainer
) -> dict[str, Any]:
    """Train a `Scorer` on cross-entropy as the trainer section wants it, test, and sum up."""
    scorer = cast(Scorer, model)
    weights = class_weights(data.train.class_counts(data.n_classes), trainer.class_weights)
    weights = None if weights is None else weights.to(run.numerics.device)

    def train_step(batch: EventBatch) -> StepOutput:
        output = training_output(model(batch), batch, weights, trainer.label_smoothing)
        return replace(output, penalty=auxiliary_loss(model))

    def eval_step(batch: EventBatch) -> StepOutput:
        return evaluation_output(model(batch), batch)

    begin_facts(run, scorer, events)
    job = classification_job(run, trainer, model, data, events.augment, train_step, eval_step)
    return conclude(run, scorer, data, fit(run, job))


def classification_job(
    run: Run,
    trainer: ClassifierTrainer,
    model: nn.Module,
    data: EventData,
    augment: AugmentConfig,
    train_step: Callable[[EventBatch], StepOutput],
    eval_step: Callable[[EventBatch], StepOutput],
) -> Job:
    """What `fit` needs to train a torch classifier on the training split."""
    n_steps = steps_per_epoch(data.train, trainer.batch_size)

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

    def some_events() -> EventBatch:
        first = next(iter(eval_batches(data.val, trainer.interpretability.n_events)))
        return first.to(run.numerics.device)

    total_steps = n_steps * trainer.epochs
    schedule = PidSchedule(model, trainer)
    rates = schedule.rates(model, trainer.lr)
    updater = GradientUpdate(model, train_step, trainer, total_steps, run.numerics, rates)
    writer = InterpretabilityWriter(run.run_dir, model, trainer, some_events)
    return Job(
        model=model,
        updater=updater,
        evaluate=eval_step,
        train_batches=batches,
        val_batches=partial(eval_batches, data.val, trainer.batch_size, shard=shard()),
        steps_per_epoch=n_steps,
        metrics=epoch_metrics(trainer.metrics),
        first_candidate=schedule.first_candidate,
        begin_epoch=partial(schedule.begin_epoch, updater),
        end_epoch=writer.end_epoch,
        for_pictures={"class_names": data.class_names},
    )


def class_weights(counts: Tensor, policy: str) -> Tensor | None:
    """Weight of each class in the loss, [C]: N / (C n_c), rescaled to sum C; None for none.

    Parameters
    ----------
    counts : Tensor
        [C] number of training events of each class.
    policy : str
        none or balanced.
    """
    if policy == "none":
        return None
    weights = counts.sum() / (len(counts) * counts.float())
    return weights * (len(counts) / weights.sum())


def training_output(
    logits: Tensor, batch: Labelled, weights: Tensor | None, label_smoothing: float
) -> StepOutput:
    """Cross-entropy of a training batch, as the trainer section wants it.

    Where the data have event weights it is the mean of weight x loss: (signed) weights of about
    1 keep the learning rate what it is. Class weights (`weights`, [C]) come on top of them.
    """
    cross_entropy = partial(
        functional.cross_entropy, weight=weights, label_smoothing=label_smoothing
    )
    outputs = {"logits": logits.float(), "label": batch.label}
    divisor = None if weights is None else float(weights[batch.label].sum())
    if batch.weight is None:
        loss = cross_entropy(logits.float(), batch.label)
        return StepOutput(loss, len(batch.label), outputs, divisor=divisor)
    losses = cross_entropy(logits.float(), batch.label, reduction="none")
    loss = (losses * batch.weight).mean()
    if weights is not None:  # as `reduction="mean"` does: class weights are relative
        loss = loss / weights[batch.label].mean()
    outputs["weight"] = batch.weight
    mean_weight = float(batch.weight.mean())
    return StepOutput(loss, len(batch.label), outputs, mean_weight, divisor)


def evaluation_output(logits: Tensor, batch: Labelled) -> StepOutput:
    """Plain cross-entropy, weighted by (signed) event weights where the data have them."""
    losses = functional.cross_entropy(logits.float(), batch.label, reduction="none")
    outputs = {"logits": logits.float(), "label": batch.label}
    if batch.weight is None:
        return StepOutput(losses.mean(), len(batch.label), outputs)
    outputs["weight"] = batch.weight
    mean_weight = float(batch.weight.mean())
    return StepOutput((losses * batch.weight).mean(), len(batch.label), outputs, mean_weight)


def epoch_metrics(names: Iterable[str]) -> Callable[[Mapping[str, np.ndarray]], dict[str, float]]:
    """Metrics `names` of the outputs of an epoch."""
    wanted = tuple(names)

    def compute(outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        if not wanted:
            return {}
        metrics = classification_metrics(outputs["logits"], outputs["label"], outputs.get("weight"))
        return {name: metrics[name] for name in wanted}

    return compute
