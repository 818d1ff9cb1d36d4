"""Recipe: a transformer over the objects of an event tells processes apart."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from thesis_arch.data_spec import DataSpec
from thesis_arch.transformer_classifier.classifier import TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.batches import EventBatch, eval_batches, train_batches
from thesis_data.config import DataConfig
from thesis_data.loading import EventData, load_events
from thesis_facts.errors import ConfigError

from thesis_loops.classification import (
    class_weights,
    conclude,
    epoch_metrics,
    evaluation_output,
    training_output,
)
from thesis_loops.config import ClassifierSection, RunConfig, check_config
from thesis_loops.engine.fit import Job, fit
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.run import Run, open_run


def train(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Train a transformer classifier as the config says.

    Returns
    -------
    dict
        best_epoch, best_val_loss, best_val_auroc, best_val_acc, and the test split's numbers
        (test_loss, test_auroc, test_auroc_uncertainty, test_acc, …) at the best epoch.

    Raises
    ------
    ConfigError, DataError
        What the user can mend.
    Interrupted
        A signal asked to stop; the run can be resumed.
    """
    config = check_config(cfg)
    section = _section(config)
    with open_run(config, section.trainer) as run:
        data = load_events(_events(config))
        model = build_model(section, _events(config), data).to(run.numerics.device)
        fitted = fit(run, _job(run, section, _events(config), data, model))
        return conclude(run, model, data, fitted)


def build_model(
    section: ClassifierSection, data_config: DataConfig, data: EventData
) -> TransformerClassifier:
    """The model for these events, with its normalisation set from the training split."""
    spec = DataSpec(
        n_tokens=data.n_tokens,
        cont_features=data.cont_features,
        class_names=data.class_names,
        has_globals=data_config.globals.present,
    )
    config = ClassifierSpec(model=section.model, globals=section.globals, norm=data_config.norm)
    try:
        model = TransformerClassifier(config, spec)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    model.fit_statistics(eval_batches(data.train, 4096))
    return model


def _job(
    run: Run,
    section: ClassifierSection,
    data_config: DataConfig,
    data: EventData,
    model: TransformerClassifier,
) -> Job:
    trainer = section.trainer
    weights = class_weights(data.train.label, data.n_classes, trainer.class_weights)
    weights = None if weights is None else weights.to(run.numerics.device)
    steps_per_epoch = math.ceil(len(data.train) / trainer.batch_size)

    def train_step(batch: EventBatch) -> StepOutput:
        return training_output(model(batch), batch, weights, trainer.label_smoothing)

    def eval_step(batch: EventBatch) -> StepOutput:
        return evaluation_output(model(batch), batch)

    def batches(epoch: int, start_step: int) -> Any:
        return train_batches(
            data.train,
            trainer.batch_size,
            seed=trainer.seed,
            epoch=epoch,
            start_step=start_step,
            augment=data_config.augment,
        )

    run.recorder.begin(model.effective_axes(), numerics=run.numerics.describe())
    total_steps = steps_per_epoch * trainer.epochs
    return Job(
        model=model,
        updater=GradientUpdate(model, train_step, trainer, total_steps, run.numerics),
        evaluate=eval_step,
        train_batches=batches,
        val_batches=partial(eval_batches, data.val, trainer.batch_size),
        steps_per_epoch=steps_per_epoch,
        metrics=epoch_metrics(trainer.metrics),
    )


def _section(config: RunConfig) -> ClassifierSection:
    if config.classifier is None:
        raise ConfigError("the loop needs a classifier section", key="classifier")
    return config.classifier


def _events(config: RunConfig) -> DataConfig:
    if not isinstance(config.data, DataConfig):
        raise ConfigError(
            "the loop trains on collider events",
            key="data",
            found=config.data.kind,
            do="choose data=synthetic or data=h5_tokens",
        )
    return config.data
