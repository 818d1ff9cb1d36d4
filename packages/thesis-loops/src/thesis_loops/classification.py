"""What all loops share that tell processes apart: loss, metrics, scores, results."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.data_spec import DataSpec
from thesis_arch.strict import Section
from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import AugmentConfig, DataConfig
from thesis_data.dataset_files import describe_dataset
from thesis_data.events import EventBatch
from thesis_data.loading import EventData, Split
from thesis_facts.errors import ConfigError
from thesis_facts.metrics import classification_metrics, classification_report
from thesis_facts.scores import Scores, write_scores
from thesis_loops.config import (
    BoostingSection,
    ClassifierSection,
    ClassifierTrainer,
    RunConfig,
    ScoresSettings,
)
from thesis_loops.engine.distributed import from_rank_zero
from thesis_loops.engine.earlier import check_same_dataset
from thesis_loops.engine.fit import Fitted, Job, fit
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.ranks import shard
from thesis_loops.engine.run import Run


class Scorer(Protocol):
    """A model that scores events: logits [B, C] and, where it has one, an embedding [B, D]."""

    def event_scores(self, batch: EventBatch) -> dict[str, Tensor]: ...
    def effective_axes(self) -> dict[str, Any]: ...


class HasStatistics(Protocol):
    """A model that takes its normalisation from training batches."""

    def fit_statistics(self, batches: Iterable[EventBatch]) -> None: ...


S = TypeVar("S", ClassifierSection, BoostingSection)
M = TypeVar("M", bound=Section)
N = TypeVar("N", bound=HasStatistics)


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
    if not isinstance(config.data, DataConfig):
        raise ConfigError(
            "the loop trains on collider events",
            key="data",
            found=config.data.kind,
            do="choose data=synthetic or data=h5_tokens",
        )
    return config.classifier, config.data


def _another_model(model: Section) -> ConfigError:
    return ConfigError(
        "the loop can't train this model",
        key="classifier.model.name",
        found=getattr(model, "name", None),
        do="choose the loop of that name, or another classifier/model",
    )


def build_classifier(
    architecture: Callable[[Any, DataSpec], N], config: Section, events: DataConfig, data: EventData
) -> N:
    """The model for these events, with its normalisation set from the training split.

    Raises
    ------
    ConfigError
        Options and events do not go together.
    """
    spec = DataSpec(
        n_tokens=data.n_tokens,
        cont_features=data.cont_features,
        class_names=data.class_names,
        has_globals=events.globals.present,
    )
    try:
        model = architecture(config, spec)
        model.fit_statistics(eval_batches(data.train, 4096))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return model


def train_network(
    run: Run, model: nn.Module, data: EventData, events: DataConfig, trainer: ClassifierTrainer
) -> dict[str, Any]:
    """Train a `Scorer` on cross-entropy as the trainer section wants it, test, and sum up."""
    scorer = cast(Scorer, model)
    weights = class_weights(data.train.class_counts(data.n_classes), trainer.class_weights)
    weights = None if weights is None else weights.to(run.numerics.device)

    def train_step(batch: EventBatch) -> StepOutput:
        return training_output(model(batch), batch, weights, trainer.label_smoothing)

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

    total_steps = n_steps * trainer.epochs
    return Job(
        model=model,
        updater=GradientUpdate(model, train_step, trainer, total_steps, run.numerics),
        evaluate=eval_step,
        train_batches=batches,
        val_batches=partial(eval_batches, data.val, trainer.batch_size, shard=shard()),
        steps_per_epoch=n_steps,
        metrics=epoch_metrics(trainer.metrics),
    )


def begin_facts(run: Run, model: Scorer, events: DataConfig) -> None:
    """The model is built: say what it is, how it computes, and which files it learns from.

    Raises
    ------
    RunError
        The run is resumed, and the files are no longer those that it began with.
    """
    described = partial(describe_dataset, events)
    dataset = from_rank_zero(described) if events.path is not None else None
    check_same_dataset(run.earlier.dataset, dataset)
    run.recorder.begin(model.effective_axes(), numerics=run.numerics.describe(), dataset=dataset)


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
    logits: Tensor, batch: EventBatch, weights: Tensor | None, label_smoothing: float
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


def evaluation_output(logits: Tensor, batch: EventBatch) -> StepOutput:
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


def conclude(run: Run, model: Scorer, data: EventData, fitted: Fitted) -> dict[str, Any]:
    """Score val and test with the chosen weights, write scores and last facts, sum up.

    Rank 0 does, and tells the others.
    """
    return from_rank_zero(partial(_conclude, run, model, data, fitted))


def _conclude(run: Run, model: Scorer, data: EventData, fitted: Fitted) -> dict[str, Any]:
    results: dict[str, Any] = {
        "best_epoch": fitted.best_epoch,
        "tested_epoch": fitted.tested_epoch,
        "best_val_loss": fitted.at_best("val_loss"),
    }
    for split in ("val", "test"):
        scores = score_split(run, model, getattr(data, split), data.class_names)
        if run.run_dir is not None:
            _write(run.run_dir, split, scores, ScoresSettings(**run.config["logging"]["scores"]))
        report = classification_report(
            scores.logits, scores.labels, scores.class_names, scores.weights
        )
        if split == "val":
            results |= {f"best_val_{n}": _at_best(fitted, n, report) for n in ("auroc", "acc")}
        else:
            loss = report["log_loss"]
            run.recorder.test_end(fitted.tested_epoch, loss, report)
            results |= {"test_loss": loss, **{f"test_{k}": v for k, v in report.items()}}
    run.recorder.train_end(results)
    return results


def _at_best(fitted: Fitted, name: str, report: Mapping[str, float]) -> float | None:
    """A validation metric at the best epoch, which need not be the tested one."""
    recorded = f"val_{name}" in fitted.histories  # `metrics` may leave it out
    return fitted.at_best(f"val_{name}") if recorded else report[name]


def score_split(run: Run, model: Scorer, split: Split, class_names: tuple[str, ...]) -> Scores:
    """Scores of every event of a split, in its order."""
    wants_embeddings = run.config["logging"]["scores"]["embeddings"]
    parts: dict[str, list[Tensor]] = defaultdict(list)
    with run.numerics.autocast():
        for batch in eval_batches(split, run.settings.batch_size):
            scored = model.event_scores(batch.to(run.numerics.device))
            told = {"label": batch.label, "process": batch.process, "weight": batch.weight}
            if not wants_embeddings:  # of millions of events they would fill the memory
                scored.pop("embedding", None)
            for name, values in (scored | told).items():
                if values is not None:
                    parts[name].append(values.cpu())
    columns = {name: torch.cat(values).numpy() for name, values in parts.items()}
    return Scores(
        logits=columns["logits"],
        labels=columns["label"],
        class_names=class_names,
        process=columns["process"],
        weights=columns.get("weight"),
        embeddings=columns.get("embedding"),
    )


def _write(run_dir: Path, split: str, scores: Scores, settings: ScoresSettings) -> None:
    n = settings.max_events or len(scores.labels)
    kept = Scores(
        logits=scores.logits[:n],
        labels=scores.labels[:n],
        class_names=scores.class_names,
        process=None if scores.process is None else scores.process[:n],
        weights=None if scores.weights is None else scores.weights[:n],
        embeddings=None if scores.embeddings is None else scores.embeddings[:n],
    )
    write_scores(run_dir, split, kept)
