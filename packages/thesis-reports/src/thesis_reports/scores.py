"""Where a report gets per-event scores: those that training wrote, or those of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from thesis_facts import Scores, describe_file, read_scores
from thesis_facts.anomaly import AnomalyScores, read_anomaly_scores
from thesis_facts.errors import RunError
from thesis_facts.score_archive import scores_path
from thesis_reports.config import ReportConfig
from thesis_reports.directory import output_root

if TYPE_CHECKING:
    from thesis_reports.inference.scorer import Scorer

T = TypeVar("T")

Corruption = tuple[str, float]  # kind and strength


class ScoreSource:
    """Scores of the runs of a report; remembers which files were read.

    With ``inference.enabled`` a run's checkpoint scores the split (or takes it from the cache);
    else the scores are those that training wrote.

    Parameters
    ----------
    config, configs
        Of the report, and of each run directory.
    known
        Files of an earlier reading by run directory and label of the split: where given, no other
        is read, and none is made.
    """

    def __init__(
        self,
        config: ReportConfig,
        configs: Mapping[str, Mapping[str, Any]],
        known: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._config = config
        self._configs = configs
        self._known = known
        self._read: dict[tuple[str, str], Path] = {}

    @property
    def infers(self) -> bool:
        """Whether checkpoints score events: what runs recorded of theirs then says nothing."""
        return self._config.inference.enabled

    def check(self) -> None:
        """Raise a ConfigError where no run could be scored."""
        if self.infers and self._known is None:
            self._scorer.check()

    def read(self, run_dir: str, split: str, *, with_embeddings: bool = False) -> Scores:
        """Scores of a classifier on a split.

        Raises
        ------
        RunError, DataError
            They are not at hand, or the checkpoint can't score these events.
        """
        return self._scores(
            run_dir,
            split,
            None,
            lambda *where: read_scores(*where, with_embeddings=with_embeddings),
        )

    def read_anomaly(self, run_dir: str, split: str) -> AnomalyScores:
        """Scores of an autoencoder on a split; raises as `read`."""
        return self._scores(run_dir, split, None, read_anomaly_scores)

    def read_corrupted(self, run_dir: str, split: str, kind: str, strength: float) -> Scores:
        """Scores of corrupted events, which only a checkpoint can give; raises as `read`."""
        return self._scores(run_dir, split, (kind, strength), read_scores)

    def read_corrupted_anomaly(
        self, run_dir: str, split: str, kind: str, strength: float
    ) -> AnomalyScores:
        """As `read_corrupted`, of an autoencoder."""
        return self._scores(run_dir, split, (kind, strength), read_anomaly_scores)

    def describe(self) -> list[dict[str, Any]]:
        """The files that were read, for the manifest: run, split, path, size and SHA-256."""
        return [
            {"run_dir": run_dir, "split": split, **describe_file(path)}
            for (run_dir, split), path in self._read.items()
        ]

    def describe_inference(self) -> dict[str, Any] | None:
        """How checkpoints scored events; None where they did not."""
        return self._scorer.describe() if self.infers and self._known is None else None

    @property
    def files(self) -> list[tuple[str, str, Path]]:
        """(run directory, label of the split, path) of each file that was read."""
        return [(run_dir, split, path) for (run_dir, split), path in self._read.items()]

    def _scores(
        self,
        run_dir: str,
        split: str,
        corrupted: Corruption | None,
        reader: Callable[..., T],
    ) -> T:
        label = split if corrupted is None else f"{split}_{corrupted[0]}_{corrupted[1]:g}"
        if self._known is not None:
            return reader(self._known_file(run_dir, label))
        if not self.infers:
            path = scores_path(run_dir, split)
            if path.is_file():
                self._read[run_dir, label] = path
            return reader(run_dir, split)
        path = self._scorer.scores_file(run_dir, split, corrupted)
        try:
            found = reader(path)
        except RunError:  # a damaged file in the cache is made anew, once
            path.unlink(missing_ok=True)
            path = self._scorer.scores_file(run_dir, split, corrupted)
            found = reader(path)
        self._read[run_dir, label] = path
        return found

    def _known_file(self, run_dir: str, label: str) -> str:
        path = (self._known or {}).get((run_dir, label))
        if path is None:
            raise RunError(f"no scores of split {label}", key=run_dir)
        self._read[run_dir, label] = Path(path)
        return path

    @cached_property
    def _scorer(self) -> Scorer:
        # what scores checkpoints needs torch, and most reports do without
        from thesis_reports.inference import load_scorer

        cache = output_root(self._config) / "cache" / "scores"
        return load_scorer(self._config, self._configs, cache)
