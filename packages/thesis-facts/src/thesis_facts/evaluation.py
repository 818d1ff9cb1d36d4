"""What a finished classifier is worth, in one file a run: ``facts/evaluation.json``.

It holds the numbers of each split, what they belong to (task, events, checkpoint, data set,
versions), the gap between training and validation, and what scoring costs. The format has a
version of its own, so that runs of different months compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_versioned
from thesis_facts.metrics import classification_report, process_report
from thesis_facts.processes import PROCESSES
from thesis_facts.scores import Scores
from thesis_facts.strict_json import json_ready
from thesis_facts.writers import write_json

FORMAT = "thesis-evaluation"
VERSION = 1
"""Raised by every change after which the same scores give other keys or numbers."""

_SIGNAL = ["4t"]
_GAP = {"log_loss": -1, "auroc": 1}  # sign with which training exceeds validation by overfitting


def evaluate_scores(scores: Scores, classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The numbers of a split, or of a sample of it.

    Parameters
    ----------
    classes
        Processes of each class, in the order of the logits.

    Returns
    -------
    dict
        ``n_events``, ``weighted``, ``processes`` (events of each; null where unknown), ``metrics``
        (``classification_report``), ``against`` (``process_report`` of the signal class; null
        where there is none).
    """
    signal = signal_class(classes)
    against, counts = None, None
    if scores.process is not None:
        counts = {
            name: int(np.count_nonzero(scores.process == label))
            for label, name in PROCESSES.items()
        }
        if signal is not None:
            index = [*classes].index(signal)
            against = process_report(
                scores.logits, scores.labels, scores.process, index, scores.weights
            )
    return {
        "n_events": len(scores),
        "weighted": scores.weights is not None,
        "processes": counts,
        "metrics": classification_report(
            scores.logits, scores.labels, scores.class_names, scores.weights
        ),
        "against": against,
    }


def build_evaluation(
    classes: Mapping[str, Sequence[str]],
    splits: Mapping[str, Mapping[str, Any]],
    *,
    events: Mapping[str, Mapping[str, int]],
    meta: Mapping[str, Any],
    dataset: Mapping[str, Any] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All numbers of a classifier beside what they belong to.

    Parameters
    ----------
    classes
        Processes of each class, in the order of the logits.
    splits
        What ``evaluate_scores`` gave for "val" and "test"; for a sample of "train" too, which
        gives the gap (if both are weighted, or neither).
    events
        Events of each class in each whole split.
    meta
        What ``run_meta`` returned.
    dataset, checkpoint
        What ``describe_file`` says of the events and of the model that scored them.
    cost
        What scoring takes, as the loop measured it.

    Returns
    -------
    dict
        ``format``, ``version``, ``meta``, ``task`` {classes, signal}, ``events``, ``dataset``,
        ``checkpoint``, ``splits``, ``gap``, ``cost``. A number that is not finite is null.
    """
    return json_ready(
        {
            "format": FORMAT,
            "version": VERSION,
            "meta": meta,
            "task": {
                "classes": {name: list(processes) for name, processes in classes.items()},
                "signal": signal_class(classes),
            },
            "events": events,
            "dataset": dataset,
            "checkpoint": checkpoint,
            "splits": splits,
            "gap": _gap(splits),
            "cost": cost,
        }
    )


def signal_class(classes: Mapping[str, Sequence[str]]) -> str | None:
    """The class that is 4t alone; else the second of two; else none.

    Examples
    --------
    >>> signal_class({"4t": ["4t"], "ttH": ["ttH"]})
    '4t'
    >>> signal_class({"background": ["ttW", "ttZ"], "Higgs": ["ttH"]})
    'Higgs'
    """
    for name, processes in classes.items():
        if list(processes) == _SIGNAL:
            return name
    return [*classes][1] if len(classes) == 2 else None


def write_evaluation(run_dir: StrPath, evaluation: Mapping[str, Any]) -> Path:
    """Write ``facts/evaluation.json``, all of it or nothing; returns its path.

    Raises
    ------
    RunError
        If the file can't be written; what stood there is untouched.
    """
    return write_json(_path(run_dir), evaluation)


def read_evaluation(run_dir: StrPath) -> dict[str, Any]:
    """What ``build_evaluation`` gave for a run.

    Raises
    ------
    RunError
        If the run has none, or one of another format or a newer version.
    """
    evaluation = find_evaluation(run_dir)
    if evaluation is None:
        path = str(_path(run_dir))
        raise RunError("no evaluation", key=path, do="a run writes it when it ends")
    return evaluation


def find_evaluation(run_dir: StrPath) -> dict[str, Any] | None:
    """``read_evaluation``, but None where the run has none."""
    return read_versioned(_path(run_dir), FORMAT, VERSION, what="an evaluation")


def _path(run_dir: StrPath) -> Path:
    return Path(run_dir) / "facts" / "evaluation.json"


def _gap(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, float] | None:
    """How much better the model does on events that it was trained on; positive if it does."""
    if not {"train", "val"} <= splits.keys():
        return None
    if splits["train"]["weighted"] != splits["val"]["weighted"]:
        return None
    train, val = splits["train"]["metrics"], splits["val"]["metrics"]
    gap: dict[str, float] = {}
    for name, sign in _GAP.items():
        gap[name] = sign * (train[name] - val[name])
        errors = (metrics[f"{name}_uncertainty"] for metrics in (train, val))
        gap[f"{name}_uncertainty"] = math.hypot(*errors)
    return gap
