"""Where a report gets per-event scores: those that training wrote, or those of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thesis_facts import Scores, describe_file, read_scores
from thesis_facts.anomaly import AnomalyScores, read_anomaly_scores
from thesis_facts.score_archive import scores_path
from thesis_reports.config import ReportConfig
from thesis_reports.directory import output_root

if TYPE_CHECKING:
    from thesis_reports.inference.scorer import Scorer


class ScoreSource:
    """Scores of the runs of a report; remembers which files were read.

    With ``inference.enabled`` a run's checkpoint scores the split (or takes it from the cache);
    else the scores are those that training wrote.
    """

    def __init__(self, config: ReportConfig, configs: Mapping[str, Mapping[str, Any]]) -> None:
        self._config = config
        self._configs = configs
        self._read: dict[Path, tuple[str, str]] = {}

    def read(self, run_dir: str, split: str, *, with_embeddings: bool = False) -> Scores:
        """Scores of a classifier on a split.

        Raises
        ------
        RunError, DataError
            They are not at hand, or the checkpoint can't score these events.
        """
        where = self._where(run_dir, split)
        return read_scores(*where, with_embeddings=with_embeddings)

    def read_anomaly(self, run_dir: str, split: str) -> AnomalyScores:
        """Scores of an autoencoder on a split; raises as `read`."""
        return read_anomaly_scores(*self._where(run_dir, split))

    def read_corrupted(self, run_dir: str, split: str, kind: str, strength: float) -> Scores:
        """Scores of corrupted events, which only a checkpoint can give; raises as `read`."""
        return read_scores(self._corrupted(run_dir, split, kind, strength))

    def read_corrupted_anomaly(
        self, run_dir: str, split: str, kind: str, strength: float
    ) -> AnomalyScores:
        """As `read_corrupted`, of an autoencoder."""
        return read_anomaly_scores(self._corrupted(run_dir, split, kind, strength))

    def _corrupted(self, run_dir: str, split: str, kind: str, strength: float) -> Path:
        path = self._scorer.scores_file(run_dir, split, (kind, strength))
        self._read[path] = (run_dir, f"{split}_{kind}_{strength:g}")
        return path

    def describe(self) -> list[dict[str, Any]]:
        """The files that were read, for the manifest: run, split, path, size and SHA-256."""
        return [
            {"run_dir": run_dir, "split": split, **describe_file(path)}
            for path, (run_dir, split) in self._read.items()
        ]

    def describe_inference(self) -> dict[str, Any] | None:
        """How checkpoints scored events; None where they did not."""
        return self._scorer.describe() if self._config.inference.enabled else None

    @property
    def files(self) -> list[tuple[str, str, Path]]:
        """(run directory, split, path) of each file that was read."""
        return [(run_dir, split, path) for path, (run_dir, split) in self._read.items()]

    def _where(self, run_dir: str, split: str) -> tuple[str | Path, str | None]:
        """Arguments of the readers: a file, or a run with the name of a split."""
        if self._config.inference.enabled:
            path = self._scorer.scores_file(run_dir, split)
            self._read[path] = (run_dir, split)
            return path, None
        path = scores_path(run_dir, split)
        if path.is_file():
            self._read[path] = (run_dir, split)
        return run_dir, split

    @cached_property
    def _scorer(self) -> Scorer:
        # what scores checkpoints needs torch, and most reports do without
        from thesis_reports.inference import load_scorer

        cache = output_root(self._config) / "cache" / "scores"
        return load_scorer(self._config, self._configs, cache)
