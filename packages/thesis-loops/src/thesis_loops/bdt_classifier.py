"""Recipe: boosted decision trees on a table of each event tell processes apart."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import xgboost
from torch import Tensor

from thesis_arch.baselines.bdt import BoostedTrees
from thesis_arch.baselines.bdt_config import BDTSpec
from thesis_data.batches import eval_batches
from thesis_data.config import AugmentConfig
from thesis_data.loading import Split, load_events
from thesis_facts.errors import ConfigError, DataError
from thesis_facts.writers import write_json
from thesis_loops.boosting import Boosting, Sample, boost
from thesis_loops.classification import (
    boosting_sections,
    class_weights,
    conclude,
    epoch_metrics,
)
from thesis_loops.config import check_config
from thesis_loops.engine.ranks import n_ranks
from thesis_loops.engine.run import Run, open_run
from thesis_loops.starting import begin_facts, build_for_events


def train(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Grow boosted trees as the config says.

    Returns
    -------
    dict
        best_epoch (the round), best_val_loss, best_val_auroc, best_val_acc, and the test split's
        numbers.

    Raises
    ------
    ConfigError, DataError
        What the user can mend.
    Interrupted
        A signal asked to stop; the run can be resumed.
    """
    config = check_config(cfg)
    section, events = boosting_sections(config)
    if n_ranks() > 1:
        raise ConfigError(
            "boosted trees grow in one process",
            key="loop",
            found=f"bdt_classifier in {n_ranks()} processes",
            do="start it without torchrun; classifier.model.n_jobs sets its threads",
        )
    if events.augment != AugmentConfig():
        raise ConfigError(
            "boosted trees see each event once, as it is",
            key="data.augment",
            found=events.augment.model_dump(),
            expected="phi_rotation and eta_flip false",
        )
    trainer = section.trainer
    spec = BDTSpec(model=section.model, globals=section.globals)
    with open_run(config, trainer) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = load_events(events)
        model = build_for_events(BoostedTrees, spec, events, data)
        weights = class_weights(data.train.class_counts(data.n_classes), trainer.class_weights)
        job = Boosting(
            model=model,
            train=weighed(make_sample(model, data.train, trainer.batch_size), weights),
            val=make_sample(model, data.val, trainer.batch_size),
            metrics=epoch_metrics(trainer.metrics),
        )
        begin_facts(run, model, events)
        fitted = boost(run, job)
        write_importance(run, model)
        return conclude(run, model, data, fitted)


def make_sample(model: BoostedTrees, split: Split, batch_size: int) -> Sample:
    """The table of a split."""
    parts, labels, weights = [], [], []
    for batch in eval_batches(split, batch_size):
        parts.append(model.layout.rows(batch))
        labels.append(batch.label)
        weights.append(batch.weight)
    label = torch.cat(labels)
    weight = None if weights[0] is None else torch.cat(weights)
    matrix = xgboost.DMatrix(np.concatenate(parts), label=label.numpy())
    return Sample(matrix, label, weight, loss_weight=weight)


def weighed(sample: Sample, class_weight: Tensor | None) -> Sample:
    """The sample to grow trees on: event weights times those of the classes ([C]) act on it.

    Raises
    ------
    DataError
        An event has a negative weight.
    """
    weight = sample.weight
    if weight is not None and float(weight.min()) < 0:
        raise DataError(
            "boosted trees can't learn from negative event weights",
            key="data.datasets.w_train",
            found=float(weight.min()),
            do="leave out the weights of the training split, or choose a network",
        )
    if class_weight is not None:
        of_class = class_weight[sample.label]
        weight = of_class if weight is None else weight * of_class
    if weight is not None:
        sample.matrix.set_weight(weight.numpy())
    return replace(sample, loss_weight=weight)


def write_importance(run: Run, model: BoostedTrees) -> None:
    """`facts/feature_importance.json`: gain and number of cuts of each column that is used."""
    if run.run_dir is None or model.booster is None:
        return
    columns = model.layout.columns
    importance = {}
    for name, kind in (("gain", "total_gain"), ("cuts", "weight")):
        values = model.booster.get_score(importance_type=kind)  # by "f0", "f1", …
        ordered = sorted(values, key=values.__getitem__, reverse=True)
        importance[name] = {columns[int(key[1:])]: values[key] for key in ordered}
    write_json(run.run_dir / "facts" / "feature_importance.json", importance)
