"""What an autoencoder says of events: how unlike those of its training they are.

``{run_dir}/scores/{split}.npz`` holds the scores of every event, larger where it is less like the
training events, and ``{run_dir}/facts/anomaly.json`` what they find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_versioned
from thesis_facts.metrics import auroc, auroc_uncertainty, rejection_at
from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.ranking import rank_events
from thesis_facts.processes import PROCESSES
from thesis_facts.score_archive import (
    checked_array,
    checked_columns,
    columns_in,
    read_archive,
    write_archive,
)
from thesis_facts.strict_json import json_ready
from thesis_facts.writers import write_json

SCORES_FORMAT = "thesis-anomaly-scores"
FORMAT = "thesis-anomaly"
VERSION = 1

_OPTIONAL = ("weights", "embeddings")
_EFFICIENCY = 0.5


@dataclass(frozen=True, eq=False)
class AnomalyScores:
    """What an autoencoder said of N events.

    Attributes
    ----------
    scores : by name [N], larger where an event is less like those of training
    process : [N] integers 1..5 (see `thesis_facts.processes`), 0 where unknown
    weights : [N] event weights of either sign, or None
    embeddings : [N, D] floats, the mean of what is kept of the objects, or None
    """

    scores: Mapping[str, NDArray[np.floating]]
    process: NDArray[np.integer]
    weights: NDArray[np.floating] | None = None
    embeddings: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        process = checked_array("process", self.process, (None,), "iu")
        n_events = len(process)
        object.__setattr__(self, "process", process)
        object.__setattr__(self, "scores", checked_columns(self.scores, n_events))
        shapes = {"weights": ((n_events,), "fiu"), "embeddings": ((n_events, None), "f")}
        for key, (shape, kinds) in shapes.items():
            if getattr(self, key) is not None:
                object.__setattr__(self, key, checked_array(key, getattr(self, key), shape, kinds))

    def __len__(self) -> int:
        return len(self.process)


def write_anomaly_scores(run_dir: StrPath, split: str, scores: AnomalyScores) -> Path:
    """Write the scores of a split ("val", "test", ...) atomically; returns the file's path.

    Raises
    ------
    RunError
        If the file can't be written; one that stood there is then untouched.
    """
    arrays: dict[str, Any] = {
        "format": np.array(SCORES_FORMAT),
        "version": np.array(VERSION),
        "process": scores.process,
    }
    arrays |= {k: v for k in _OPTIONAL if (v := getattr(scores, k)) is not None}
    return write_archive(run_dir, split, arrays, scores.scores)


def read_anomaly_scores(path_or_run_dir: StrPath, split: str | None = None) -> AnomalyScores:
    """Read the scores of one split of a run, or of one file.

    Raises
    ------
    RunError
        If there is no such file, if it is truncated, or if it holds no anomaly scores.
    """
    return read_archive(path_or_run_dir, split, (SCORES_FORMAT, VERSION), _scores_of)


def anomaly_report(
    scores: AnomalyScores, background: Sequence[int] | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """How well each score finds each process.

    Parameters
    ----------
    scores
        Of a split.
    background
        Labels of the processes that the model learned from; None for all. Each process is told
        from the background, less that process itself.

    Returns
    -------
    dict
        By name of the score and of the process: ``auroc`` and ``rejection_at_0.5`` (1/ε_B of the
        background where half of the process is kept), each with its ``_uncertainty``, and
        ``n_events``, ``n_background``. A process without events, or with nothing to be told from,
        has no entry.
    """
    known = [*PROCESSES] if background is None else list(background)
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in scores.scores}
    for label, process in PROCESSES.items():
        is_signal = scores.process == label
        is_background = np.isin(scores.process, [other for other in known if other != label])
        if not (is_signal.any() and is_background.any()):
            continue
        rows = is_signal | is_background
        weights = None if scores.weights is None else scores.weights[rows]
        for name, values in scores.scores.items():
            found[name][process] = {
                **compare(values[rows], is_signal[rows], weights),
                "n_events": int(is_signal.sum()),
                "n_background": int(is_background.sum()),
            }
    return found


def compare(
    scores: NDArray, is_signal: NDArray[np.bool_], weights: NDArray | None = None
) -> dict[str, float]:
    """AUROC and rejection of one score ([N] each), with uncertainties."""
    rejection = rejection_at(scores, is_signal, _EFFICIENCY, weights)
    return {
        "auroc": auroc(scores, is_signal, weights),
        "auroc_uncertainty": auroc_uncertainty(scores, is_signal, weights),
        f"rejection_at_{_EFFICIENCY}": rejection.value,
        f"rejection_at_{_EFFICIENCY}_uncertainty": rejection.uncertainty,
    }


def compare_changed(
    clean: NDArray, changed: NDArray, weights: NDArray | None = None
) -> dict[str, float]:
    """AUROC by which a score tells events that were changed from the same events as they were.

    Parameters
    ----------
    clean, changed : [N], scores of the same events in the same order
    weights : [N], of either sign; None for unit weights

    Returns
    -------
    dict
        ``auroc`` and ``auroc_uncertainty``, in which what an event moves both halves by counts
        together: 0 where the score does not see the change.
    """
    is_changed = np.repeat([False, True], len(clean))
    twice = None if weights is None else np.tile(weights, 2)
    ranking = rank_events(np.concatenate([clean, changed]), is_changed, twice)
    influence = auroc_influence(ranking).reshape(2, -1).sum(0)
    return {
        "auroc": auroc_of(ranking),
        "auroc_uncertainty": float(np.linalg.norm(influence)),
    }


def write_anomaly(run_dir: StrPath, report: Mapping[str, Any]) -> Path:
    """Write ``facts/anomaly.json``, all of it or nothing; returns its path.

    Raises
    ------
    RunError
        If the file can't be written; what stood there is untouched.
    """
    return write_json(_path(run_dir), json_ready({"format": FORMAT, "version": VERSION, **report}))


def read_anomaly(run_dir: StrPath) -> dict[str, Any]:
    """What `write_anomaly` wrote for a run.

    Raises
    ------
    RunError
        If the run has none, or one of another format or a newer version.
    """
    path = _path(run_dir)
    report = read_versioned(path, FORMAT, VERSION, what="an anomaly report")
    if report is None:
        raise RunError("no anomaly report", key=str(path), do="an autoencoder's run writes it")
    return report


def _scores_of(archive: Any) -> AnomalyScores:
    return AnomalyScores(
        scores=columns_in(archive),
        process=archive["process"],
        **{key: archive[key] for key in _OPTIONAL if key in archive},
    )


def _path(run_dir: StrPath) -> Path:
    return Path(run_dir) / "facts" / "anomaly.json"
