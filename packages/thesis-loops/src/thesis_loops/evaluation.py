"""The end of a classifier's run: scores, what they are worth and what they cost, last facts."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from thesis_data.config import DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import EventData, Split
from thesis_data.scoring import classifier_scores
from thesis_facts.builders import run_meta
from thesis_facts.evaluation import build_evaluation, evaluate_scores, write_evaluation
from thesis_facts.files import describe_file
from thesis_facts.processes import PROCESSES
from thesis_facts.scores import Scores, write_scores
from thesis_loops.cost import BATCH_SIZES, scoring_cost
from thesis_loops.engine.distributed import from_rank_zero
from thesis_loops.engine.fit import Fitted
from thesis_loops.engine.numerics import cuda_info
from thesis_loops.engine.run import Run
from thesis_loops.logging_config import EvaluationSettings, ScoresSettings


class Scorer(Protocol):
    """A model that scores events: logits [B, C] and, where it has one, an embedding [B, D]."""

    def event_scores(self, batch: EventBatch) -> dict[str, Tensor]: ...
    def effective_axes(self) -> dict[str, Any]: ...


def conclude(run: Run, model: Scorer, data: EventData, fitted: Fitted) -> dict[str, Any]:
    """Score val and test with the chosen weights, write scores, evaluation and last facts, sum up.

    Rank 0 does, and tells the others.
    """
    return from_rank_zero(partial(_conclude, run, model, data, fitted))


def _conclude(run: Run, model: Scorer, data: EventData, fitted: Fitted) -> dict[str, Any]:
    classes = _classes(run)
    evaluated: dict[str, dict[str, Any]] = {}
    for split in ("val", "test"):
        scores = score_split(run, model, getattr(data, split), data.class_names)
        if run.run_dir is not None:
            _write(run.run_dir, split, scores, ScoresSettings(**run.config["logging"]["scores"]))
        evaluated[split] = evaluate_scores(scores, classes)
    val, test = evaluated["val"]["metrics"], evaluated["test"]["metrics"]
    run.recorder.test_end(fitted.tested_epoch, test["log_loss"], test, for_pictures(scores))
    if run.run_dir is not None:
        _evaluate(run, run.run_dir, model, data, fitted, evaluated)
    results = {
        "best_epoch": fitted.best_epoch,
        "tested_epoch": fitted.tested_epoch,
        "best_val_loss": fitted.at_best("val_loss"),
        **{f"best_val_{name}": _at_best(fitted, name, val) for name in ("auroc", "acc")},
        "test_loss": test["log_loss"],
        **{f"test_{name}": value for name, value in test.items()},
    }
    run.recorder.train_end(results)
    return results


def for_pictures(scores: Scores) -> dict[str, Any]:
    """What pictures show of the scored events, as `fit` names it."""
    weight = {} if scores.weights is None else {"weight": scores.weights}
    return {
        "logits": scores.logits,
        "label": scores.labels,
        "class_names": scores.class_names,
        **weight,
    }


def _at_best(fitted: Fitted, name: str, report: Mapping[str, float]) -> float | None:
    """A validation metric at the best epoch, which need not be the tested one."""
    recorded = f"val_{name}" in fitted.histories  # `metrics` may leave it out
    return fitted.at_best(f"val_{name}") if recorded else report[name]


def _evaluate(
    run: Run,
    run_dir: Path,
    model: Scorer,
    data: EventData,
    fitted: Fitted,
    evaluated: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write `facts/evaluation.json`: what was found on val and test, and what it belongs to."""
    settings = EvaluationSettings(**run.config["logging"]["evaluation"])
    classes, train, cost = _classes(run), {}, None
    if settings.train_events:
        sample = data.train.sample(settings.train_events)
        scores = score_split(run, model, sample, data.class_names)
        train = {"train": evaluate_scores(scores, classes)}
    if settings.cost:
        sample = data.val.sample(max(BATCH_SIZES))
        cost = scoring_cost(model.event_scores, sample, run.numerics)
    job, recorder = run.config["job_id"], run.recorder
    evaluation = build_evaluation(
        classes,
        {**train, **evaluated},
        events={split: _class_counts(data, split) for split in data.splits},
        meta=run_meta(recorder.run_id, recorder.seed, cuda_info=cuda_info(), hydra_job_id=job),
        dataset=run.dataset,
        checkpoint=describe_checkpoint(run_dir, fitted),
        cost=cost,
    )
    write_evaluation(run_dir, evaluation)


def _classes(run: Run) -> dict[str, list[str]]:
    """Processes of each class of the task."""
    groups = DataConfig(**run.config["data"]).classifier.groups()
    return {group.name: [PROCESSES[label] for label in group.labels] for group in groups}


def _class_counts(data: EventData, split: str) -> dict[str, int]:
    counts = data.splits[split].class_counts(data.n_classes).tolist()
    return dict(zip(data.class_names, counts, strict=True))


def describe_checkpoint(run_dir: Path, fitted: Fitted) -> dict[str, Any]:
    """The file that holds the weights which were tested."""
    name = "best_val.pt" if fitted.tested_epoch == fitted.best_epoch else "last.pt"
    return {**describe_file(run_dir / name), "path": name, "epoch": fitted.tested_epoch}


def score_split(run: Run, model: Scorer, split: Split, class_names: tuple[str, ...]) -> Scores:
    """Scores of every event of a split, in its order."""
    with run.numerics.autocast():
        return classifier_scores(
            model,
            split,
            class_names,
            batch_size=run.settings.batch_size,
            device=run.numerics.device,
            with_embeddings=run.config["logging"]["scores"]["embeddings"],
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
        columns={name: values[:n] for name, values in scores.columns.items()},
    )
    write_scores(run_dir, split, kept)
