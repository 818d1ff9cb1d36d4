"""Recipe: a transformer over the objects of an event tells processes apart."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from thesis_arch.transformer_classifier.classifier import TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec, TransformerConfig
from thesis_data.config import DataConfig
from thesis_data.loading import EventData, load_events
from thesis_facts.errors import ConfigError
from thesis_loops.classification import (
    classifier_sections,
    model_section,
    train_network,
)
from thesis_loops.config import ClassifierSection, ClassifierTrainer, check_config
from thesis_loops.engine.distributed import together
from thesis_loops.engine.ranks import n_ranks
from thesis_loops.engine.run import open_run
from thesis_loops.pretrained import PretrainedPart
from thesis_loops.starting import build_for_events


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
    with open_run(config, section.trainer) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = together(partial(load_events, events))
        model = together(partial(build_model, section, events, data)).to(run.numerics.device)
        return train_network(run, model, data, events, section.trainer)


def build_model(
    section: ClassifierSection, events: DataConfig, data: EventData
) -> TransformerClassifier:
    """The model for these events, with its normalisation set from the training split."""
    options = model_section(section, TransformerConfig)
    if options.kan.grid_update_freq:
        _check_grids(section.trainer, options.kan.grid_update_freq)
    part = None
    if options.tokenizer.name == "pretrained":
        part = PretrainedPart(options.tokenizer, has_energy=0 in data.cont_features)
    config = ClassifierSpec(
        model=options,
        globals=section.globals,
        norm=events.norm,
        pretrained=None if part is None else part.description,
    )
    model = build_for_events(TransformerClassifier, config, events, data)
    if part is not None:
        part.fill(model)
    return model


def _check_grids(trainer: ClassifierTrainer, freq: int) -> None:
    """Grids that move go with neither several processes nor an average over different grids."""
    key = "classifier.model.kan.grid_update_freq"
    if n_ranks() > 1:
        raise ConfigError(
            "several processes can't fit one grid: each sees events of its own",
            key=key,
            found=freq,
            expected="0 under torchrun",
        )
    if trainer.ema_decay is not None:
        raise ConfigError(
            "coefficients of splines can't be averaged while their grid moves",
            key=key,
            found=freq,
            expected="0 with classifier.trainer.ema_decay",
        )
