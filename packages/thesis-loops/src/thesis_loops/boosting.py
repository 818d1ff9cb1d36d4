"""Boosting rounds on the services of the engine: recorded as epochs, stoppable, resumable."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xgboost
from torch import Tensor
from torch.nn import functional

from thesis_arch.baselines.bdt import BoostedTrees, logits_of
from thesis_arch.baselines.bdt_config import BDTConfig
from thesis_arch.checkpoint import model_payload
from thesis_data.random import keyed_seed
from thesis_loops.engine.early_stopping import EarlyStopping
from thesis_loops.engine.fit import Fitted
from thesis_loops.engine.progress import Progress
from thesis_loops.engine.recorder import EpochResult
from thesis_loops.engine.run import Run
from thesis_loops.engine.settings import EarlyStoppingSettings

# Facts are synced to the disk; a round may take less time than that.
_SECONDS_BETWEEN_FACTS = 2.0
# New samplers cost half a millisecond: rounds on few events share them, and are saved together.
_EVENTS_A_SEED = 200_000
_MOST_ROUNDS_A_SEED = 10
_ENOUGH_FOR_METRICS = 1 << 11  # training events: ranking all of them would outlast many a round


@dataclass(frozen=True)
class Sample:
    """The table of a split, as xgboost wants it, and what its rows are.

    Attributes
    ----------
    matrix : xgboost.DMatrix
        [N, n_columns], with labels and, for training, weights. Without names of columns: they
        would be compared each time.
    label : Tensor
        [N] class of each event.
    weight : Tensor or None
        [N] (signed) event weights.
    loss_weight : Tensor or None
        [N] weights of the events in the loss; in training those of the classes are in it too.
    """

    matrix: xgboost.DMatrix
    label: Tensor
    weight: Tensor | None
    loss_weight: Tensor | None


@dataclass(frozen=True)
class Boosting:
    """What a recipe hands to `boost`.

    Attributes
    ----------
    model : BoostedTrees
        Gets the trees.
    train, val : Sample
        What they grow on, and what tells when to stop.
    metrics : callable
        Per-event outputs by name -> metrics by name.
    """

    model: BoostedTrees
    train: Sample
    val: Sample
    metrics: Callable[[Mapping[str, np.ndarray]], dict[str, float]]


def boost(run: Run, job: Boosting) -> Fitted:
    """Grow trees, or go on growing them, until all are there or patience is used up.

    The model then has the trees up to the best round.

    Raises
    ------
    Interrupted
        A signal asked to stop; the run is saved and can be resumed.
    """
    return _Boost(run, job).run_to_end()


class _Boost:
    def __init__(self, run: Run, job: Boosting) -> None:
        self.run, self.job = run, job
        options = job.model.config.model
        self.rounds = options.n_estimators
        self.next = 0
        self.stopping = EarlyStopping(_patience(options))
        self.results: list[EpochResult] = []  # not yet in the facts
        self.outputs: dict[str, np.ndarray] = {}  # of validation, of the last of them
        if run.resumed is not None:
            with run.checkpoints.restoring():
                job.model.load_state_dict(run.resumed["model"]["weights"])
                self.stopping.load_state_dict(run.resumed["stopping"])
                self.next = run.resumed["epoch"]
        n_events = len(job.train.label)
        self.rounds_a_seed = min(max(_EVENTS_A_SEED // n_events, 1), _MOST_ROUNDS_A_SEED)
        parameters = self._parameters(options)
        self.booster = xgboost.Booster(
            parameters, [job.train.matrix, job.val.matrix], job.model.trees
        )
        self.saved_at = self.told_at = time.monotonic()
        self.progress = Progress(self.rounds, steps_per_epoch=1)

    def run_to_end(self) -> Fitted:
        with self.progress.shown(self.next):
            while self.next < self.rounds and not self.stopping.should_stop:
                if self.next % self.rounds_a_seed == 0:
                    self._reseed()
                self._round()
                if self.next % self.rounds_a_seed:
                    continue  # a run can only go on from where samplers are new
                asked = self.run.stop.received
                if asked or self._save_is_due():
                    self._save()
                    self.run.stop.raise_for(asked)
                elif time.monotonic() - self.told_at >= _SECONDS_BETWEEN_FACTS:
                    self._tell()
            self._save()
        best = self.stopping.best_epoch
        self.job.model.booster = self.booster[: best + 1]
        return Fitted(best, best, self.run.recorder.histories)

    def _round(self) -> None:
        self.run.recorder.at(self.next, None)
        started = time.monotonic()
        self.booster.update(self.job.train.matrix, self.next)
        seconds = time.monotonic() - started
        result = self._judge(seconds)
        self.is_best = self.stopping.update(self.next, result.val_loss)
        self.results.append(result)
        self.progress.step(self.next, result.train_loss)
        self.next += 1

    def _reseed(self) -> None:
        """What is drawn depends on seed and round alone, so that a resumed run repeats it.

        xgboost's samplers are made once and go on from there: loading a config makes new ones.
        """
        self.booster.load_config(self.booster.save_config())
        seed = keyed_seed(self.run.settings.seed, "round", self.next) % 2**31
        self.booster.set_param({"seed": seed})

    def _judge(self, seconds: float) -> EpochResult:
        train, val = self.job.train, self.job.val
        train_margins, val_margins = self._margins(train), self._margins(val)
        some = slice(None, None, -(-len(train.label) // _ENOUGH_FOR_METRICS))
        self.outputs = _outputs(val_margins, val, slice(None))
        return EpochResult(
            epoch=self.next,
            train_loss=_mean_loss(train_margins, train),
            val_loss=_mean_loss(val_margins, val),
            train_metrics=self.job.metrics(_outputs(train_margins, train, some)),
            val_metrics=self.job.metrics(self.outputs),
            epoch_time_s=seconds,
            throughput=len(train.label) / seconds,
        )

    def _margins(self, sample: Sample) -> np.ndarray:
        """[N] or [N, C]; xgboost keeps what earlier trees said, so only the last one is asked."""
        return self.booster.predict(sample.matrix, output_margin=True)

    def _save_is_due(self) -> bool:
        every = self.run.checkpoint_every_s
        return every is not None and time.monotonic() - self.saved_at >= every

    def _tell(self) -> None:
        if self.results:
            known = {
                "histories": self.run.recorder.histories,
                "class_names": self.job.model.spec.class_names,
            }
            self.run.recorder.epochs_end(self.results, self.outputs | known)
            self.progress.epoch(self.results[-1], self.is_best)
            self.results = []
        self.told_at = time.monotonic()

    def _save(self) -> None:
        self._tell()  # what is recorded twice is cut, what is not is lost
        if self.run.run_dir is None:
            return
        model, best = self.job.model, self.stopping.best_epoch
        model.booster = self.booster[: best + 1]
        self.run.checkpoints.keep_best(model_payload(model))
        model.booster = self.booster
        self.run.checkpoints.save(
            {
                "model": model_payload(model),
                "updater": {},
                "stopping": self.stopping.state_dict(),
                "recorder": self.run.recorder.state_dict(),
                "epoch": self.next,
                "step": 0,
                "seconds": 0.0,
                "tally": {},
                "config": self.run.config,
            }
        )
        self.saved_at = time.monotonic()

    def _parameters(self, options: BDTConfig) -> dict[str, object]:
        names = ("max_depth", "learning_rate", "subsample", "colsample_bytree")
        names += ("min_child_weight", "gamma", "reg_alpha", "reg_lambda")
        n_classes, device = self.job.model.spec.n_classes, self.run.numerics.device
        of_classes: dict[str, object] = {"objective": "binary:logistic"}
        if n_classes > 2:
            of_classes = {"objective": "multi:softprob", "num_class": n_classes}
        return {
            **{name: getattr(options, name) for name in names},
            **of_classes,
            "tree_method": "hist",
            "device": str(device) if device.type == "cuda" else "cpu",
            "nthread": options.n_jobs or 0,
        }


def _patience(options: BDTConfig) -> EarlyStoppingSettings:
    rounds = options.early_stopping_rounds
    return EarlyStoppingSettings(
        enabled=rounds is not None, patience=rounds or 1, min_delta=0.0, restore_best_weights=True
    )


def _mean_loss(margins: np.ndarray, sample: Sample) -> float:
    """Cross-entropy; torch's own takes twice as long where there are few classes."""
    values = torch.from_numpy(margins)
    if values.ndim == 1:
        losses = functional.softplus(values) - values * sample.label
    else:
        losses = values.logsumexp(1) - values.gather(1, sample.label[:, None])[:, 0]
    if sample.loss_weight is None:
        return float(losses.mean())
    return float((losses * sample.loss_weight).sum() / sample.loss_weight.sum())


def _outputs(margins: np.ndarray, sample: Sample, some: slice) -> dict[str, np.ndarray]:
    logits = logits_of(margins[some]).numpy()
    outputs = {"logits": logits, "label": sample.label[some].numpy()}
    if sample.weight is not None:
        outputs["weight"] = sample.weight[some].numpy()
    return outputs
