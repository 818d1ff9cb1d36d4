"""Recipe: a transformer over the objects of an event tells processes apart."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from thesis_arch.data_spec import DataSpec
from thesis_arch.transformer_classifier.classifier import TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import EventData, load_events
from thesis_facts.errors import ConfigError
from thesis_loops.classification import (
    begin_facts,
    class_weights,
    classification_job,
    classifier_sections,
    conclude,
    evaluation_output,
    training_output,
)
from thesis_loops.config import ClassifierSection, check_config
from thesis_loops.engine.distributed import together
from thesis_loops.engine.fit import fit
from thesis_loops.engine.optimisation import StepOutput
from thesis_loops.engine.run import open_run


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
    section, events = classifier_sections(config)
    trainer = section.trainer
    with open_run(config, trainer) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = together(partial(load_events, events))
        model = together(partial(build_model, section, events, data)).to(run.numerics.device)
        weights = class_weights(data.train.class_counts(data.n_classes), trainer.class_weights)
        weights = None if weights is None else weights.to(run.numerics.device)

        def train_step(batch: EventBatch) -> StepOutput:
            return training_output(model(batch), batch, weights, trainer.label_smoothing)

        def eval_step(batch: EventBatch) -> StepOutput:
            return evaluation_output(model(batch), batch)

        begin_facts(run, model, events)
        job = classification_job(run, trainer, model, data, events.augment, train_step, eval_step)
        fitted = fit(run, job)
        return conclude(run, model, data, fitted)


def build_model(
    section: ClassifierSection, events: DataConfig, data: EventData
) -> TransformerClassifier:
    """The model for these events, with its normalisation set from the training split."""
    spec = DataSpec(
        n_tokens=data.n_tokens,
        cont_features=data.cont_features,
        class_names=data.class_names,
        has_globals=events.globals.present,
    )
    config = ClassifierSpec(model=section.model, globals=section.globals, norm=events.norm)
    try:
        model = TransformerClassifier(config, spec)
        model.fit_statistics(eval_batches(data.train, 4096))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return model
