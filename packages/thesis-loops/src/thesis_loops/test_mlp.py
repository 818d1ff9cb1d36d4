"""Recipe: a small network learns a toy table, which exercises the whole engine in seconds."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional

from thesis_arch.simple.config import SimpleMLPConfig, TableSpec
from thesis_arch.simple.mlp import SimpleMLP
from thesis_data.config import ToyRegressionConfig
from thesis_data.toy_regression import ToyRegression, ToySplit, make_toy_regression, toy_batches
from thesis_facts.errors import ConfigError
from thesis_loops.batch_norm import check_batch_norm
from thesis_loops.config import RunConfig, check_config
from thesis_loops.engine.distributed import from_rank_zero, together
from thesis_loops.engine.fit import Fitted, Job, evaluate_all, fit
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.ranks import shard
from thesis_loops.engine.run import Run, open_run
from thesis_loops.engine.settings import TrainerSettings


def train(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Train the MLP as the config says.

    Returns
    -------
    dict
        best_epoch, best_val_loss, test_loss.
    """
    config = check_config(cfg)
    table, settings, mlp = _sections(config)
    with open_run(config, settings) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = make_toy_regression(table)
        if mlp.use_batch_norm:
            together(partial(check_batch_norm, len(data.train), settings.batch_size, "general"))
        model = SimpleMLP(mlp, TableSpec(table.n_features, n_outputs=1)).to(run.numerics.device)
        model.fit_statistics(toy_batches(data.train, settings.batch_size))
        steps_per_epoch = math.ceil(len(data.train) / settings.batch_size)

        def step(batch: ToySplit) -> StepOutput:
            return StepOutput(_loss(model(batch)[:, 0], batch.y, table.task), len(batch.y))

        run.recorder.begin(model.effective_axes(), numerics=run.numerics.describe())
        total = steps_per_epoch * settings.epochs
        job = Job(
            model=model,
            updater=GradientUpdate(model, step, settings, total, run.numerics),
            evaluate=step,
            train_batches=lambda epoch, start_step: toy_batches(
                data.train, settings.batch_size, (settings.seed, epoch), start_step, shard()
            ),
            val_batches=partial(toy_batches, data.val, settings.batch_size, shard=shard()),
            steps_per_epoch=steps_per_epoch,
            metrics=lambda outputs: {},
        )
        fitted = fit(run, job)
        return from_rank_zero(partial(_conclude, run, job, data, fitted))


def _conclude(run: Run, job: Job, data: ToyRegression, fitted: Fitted) -> dict[str, Any]:
    test_loss = evaluate_all(run, job, toy_batches(data.test, run.settings.batch_size)).loss
    run.recorder.test_end(fitted.tested_epoch, test_loss, {})
    results = {
        "best_epoch": fitted.best_epoch,
        "tested_epoch": fitted.tested_epoch,
        "best_val_loss": fitted.at_best("val_loss"),
        "test_loss": test_loss,
    }
    run.recorder.train_end(results)
    return results


def _loss(outputs: Tensor, targets: Tensor, task: str) -> Tensor:
    if task == "binary":
        return functional.binary_cross_entropy_with_logits(outputs, targets.float())
    return functional.mse_loss(outputs, targets)


def _sections(
    config: RunConfig,
) -> tuple[ToyRegressionConfig, TrainerSettings, SimpleMLPConfig]:
    if not isinstance(config.data, ToyRegressionConfig):
        raise ConfigError(
            "the loop trains on a toy table",
            key="data",
            found=config.data.kind,
            do="choose data=toy_regression",
        )
    if config.general is None or config.simple is None:
        raise ConfigError("the loop needs the sections general and simple", key="general, simple")
    return config.data, config.general.trainer, config.simple.mlp
