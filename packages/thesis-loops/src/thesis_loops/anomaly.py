"""The end of an autoencoder's run: scores of events, what they find, last facts."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_data.corruption import Corrupt, corruption
from thesis_data.loading import EventData, Split
from thesis_data.scoring import anomaly_scores
from thesis_facts.anomaly import (
    AnomalyScores,
    anomaly_report,
    compare_changed,
    write_anomaly,
    write_anomaly_scores,
)
from thesis_facts.builders import run_meta
from thesis_facts.errors import DataError
from thesis_facts.processes import PROCESSES
from thesis_loops.config import AnomalySettings
from thesis_loops.engine.distributed import from_rank_zero
from thesis_loops.engine.fit import Fitted
from thesis_loops.engine.numerics import cuda_info
from thesis_loops.engine.run import Run
from thesis_loops.evaluation import describe_checkpoint
from thesis_loops.illustrations import illustrations
from thesis_loops.logging_config import ScoresSettings

log = logging.getLogger(__name__)


def conclude(
    run: Run, model: AutoencoderBase, data: EventData, anomaly: AnomalySettings, fitted: Fitted
) -> dict[str, Any]:
    """Score val and test with the chosen weights, write scores and anomaly report, sum up.

    Rank 0 does, and tells the others.
    """
    return from_rank_zero(partial(_conclude, run, model, data, anomaly, fitted))


def _conclude(
    run: Run, model: AutoencoderBase, data: EventData, anomaly: AnomalySettings, fitted: Fitted
) -> dict[str, Any]:
    model.eval()
    background = anomaly.background
    scored = {name: score_split(run, model, data.splits[name]) for name in ("val", "test")}
    corrupted = _find_corruptions(run, model, data.test, anomaly, scored["test"])
    test = _background_means(scored["test"], background)
    loss = float(model.objective({k: torch.tensor(v) for k, v in test.items()}))
    run.recorder.test_end(fitted.tested_epoch, loss, test, illustrations(model, data.test))
    if run.run_dir is not None:
        settings = ScoresSettings(**run.config["logging"]["scores"])
        for split, scores in scored.items():
            write_anomaly_scores(run.run_dir, split, _kept(scores, settings))
        recorder, job = run.recorder, run.config["job_id"]
        report = {
            "meta": run_meta(
                recorder.run_id, recorder.seed, cuda_info=cuda_info(), hydra_job_id=job
            ),
            "background": [PROCESSES[label] for label in background or PROCESSES],
            "dataset": run.dataset,
            "checkpoint": describe_checkpoint(Path(run.run_dir), fitted),
            "splits": {name: anomaly_report(s, background) for name, s in scored.items()},
            "corruptions": corrupted,
        }
        write_anomaly(run.run_dir, report)
    results = {
        "best_epoch": fitted.best_epoch,
        "tested_epoch": fitted.tested_epoch,
        "best_val_loss": fitted.at_best("val_loss"),
        "test_loss": loss,
        **{f"test_{name}": value for name, value in test.items()},
    }
    run.recorder.train_end(results)
    return results


def score_split(
    run: Run, model: AutoencoderBase, split: Split, corrupt: Corrupt | None = None
) -> AnomalyScores:
    """Scores of every event of a split, in its order."""
    with run.numerics.autocast():
        return anomaly_scores(
            model,
            split,
            batch_size=run.settings.batch_size,
            device=run.numerics.device,
            with_embeddings=corrupt is None and run.config["logging"]["scores"]["embeddings"],
            corrupt=corrupt,
        )


def _find_corruptions(
    run: Run,
    model: AutoencoderBase,
    split: Split,
    anomaly: AnomalySettings,
    clean: AnomalyScores,
) -> dict[str, dict[str, dict[str, float]]]:
    """By corruption and score: how well corrupted background events are told from clean ones."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, strength in anomaly.corruptions.model_dump().items():
        if strength is None:
            continue
        corrupt = corruption(name, strength, model.spec.n_tokens)
        try:
            corrupted = score_split(run, model, split, corrupt)
        except DataError as error:  # the run must not end for what its events lack
            log.warning("%s is not tried: %s", name, error)
            continue
        rows = _is_background(clean, anomaly.background)
        weights = None if clean.weights is None else clean.weights[rows]
        found[name] = {
            score: compare_changed(values[rows], corrupted.scores[score][rows], weights)
            for score, values in clean.scores.items()
        }
    return found


def _background_means(scores: AnomalyScores, background: Sequence[int] | None) -> dict[str, float]:
    """Mean of each score over the events of the processes that were learned from."""
    rows = _is_background(scores, background)
    weights = None if scores.weights is None else scores.weights[rows]
    return {
        name: float(np.average(values[rows], weights=weights))
        for name, values in scores.scores.items()
        if name not in ("n_objects", "ht")
    }


def _is_background(scores: AnomalyScores, background: Sequence[int] | None) -> np.ndarray:
    if background is None:
        return np.ones(len(scores), dtype=bool)
    return np.isin(scores.process, list(background))


def _kept(scores: AnomalyScores, settings: ScoresSettings) -> AnomalyScores:
    """As much of the scores as is to be written."""
    n = settings.max_events or len(scores)
    return AnomalyScores(
        scores={name: values[:n] for name, values in scores.scores.items()},
        process=scores.process[:n],
        weights=None if scores.weights is None else scores.weights[:n],
        embeddings=None if scores.embeddings is None else scores.embeddings[:n],
    )
