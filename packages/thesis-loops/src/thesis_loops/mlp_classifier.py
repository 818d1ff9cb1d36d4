"""Recipe: a multilayer perceptron over the slots of an event tells processes apart."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from thesis_arch.baselines.mlp import MLPClassifier
from thesis_arch.baselines.mlp_config import MLPConfig, MLPSpec
from thesis_data.loading import load_events
from thesis_loops.batch_norm import check_batch_norm
from thesis_loops.classification import (
    classifier_sections,
    model_section,
    train_network,
)
from thesis_loops.config import check_config
from thesis_loops.engine.distributed import together
from thesis_loops.engine.run import open_run
from thesis_loops.starting import build_for_events


def train(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Train an MLP classifier as the config says.

    Returns
    -------
    dict
        best_epoch, best_val_loss, best_val_auroc, best_val_acc, and the test split's numbers.

    Raises
    ------
    ConfigError, DataError
        What the user can mend.
    Interrupted
        A signal asked to stop; the run can be resumed.
    """
    config = check_config(cfg)
    section, events = classifier_sections(config)
    layers = model_section(section, MLPConfig)
    spec = MLPSpec(model=layers, globals=section.globals, norm=events.norm)
    with open_run(config, section.trainer) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = together(partial(load_events, events))
        if layers.use_batch_norm:
            size = section.trainer.batch_size
            together(partial(check_batch_norm, len(data.train), size, "classifier"))
        build = partial(build_for_events, MLPClassifier, spec, events, data)
        model = together(build).to(run.numerics.device)
        return train_network(run, model, data, events, section.trainer)
