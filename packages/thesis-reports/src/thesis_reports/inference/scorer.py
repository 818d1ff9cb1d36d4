"""Score the events of a split with the checkpoint of a run, once for all reports."""

from __future__ import annotations

import glob
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from thesis_data import DataConfig, describe_dataset
from thesis_data.dataset_files import dataset_files
from thesis_facts.durable import json_text
from thesis_facts.errors import ConfigError, DataError, RunError, explain
from thesis_facts.events import read_outline
from thesis_reports.checkpoints import check_tested
from thesis_reports.config import ReportConfig
from thesis_reports.scores import Corruption

if TYPE_CHECKING:
    from thesis_reports.inference.scoring import Scoring

logger = logging.getLogger(__name__)

VERSION = 2
"""Raised by every change after which a checkpoint gives other scores."""


@dataclass(frozen=True)
class Task:
    """What is to be scored, and how.

    Attributes
    ----------
    checkpoint
        File with the weights.
    events, split, max_samples
        Where the events come from, and how many are taken; None takes all.
    numerics
        Precision of the run, as its facts tell it.
    batch_size
        Events at a time.
    is_classifier
        Whether the scores are logits of classes, not those of an autoencoder.
    corrupted
        What is done to the events first, or None.
    """

    checkpoint: Path
    events: DataConfig
    split: str
    max_samples: int | None
    numerics: Mapping[str, Any]
    batch_size: int
    is_classifier: bool
    corrupted: Corruption | None


@dataclass(frozen=True)
class _Run:
    """What the scores of a run depend on, whatever the split.

    Attributes
    ----------
    checkpoint, dataset
        As `describe_file` and `describe_dataset` tell them.
    events, numerics, batch_size, is_classifier
        See `Task`.
    """

    checkpoint: Mapping[str, Any]
    events: DataConfig
    dataset: Mapping[str, Any]
    numerics: Mapping[str, Any]
    batch_size: int
    is_classifier: bool


class Scorer:
    """Scores checkpoints as their runs did: same events, batches and precision.

    Parameters
    ----------
    config
        ``inference`` and ``data`` of it are read.
    configs
        Config of each run directory.
    cache
        Folder that keeps scores by the content of checkpoint and data set.
    """

    def __init__(
        self, config: ReportConfig, configs: Mapping[str, Mapping[str, Any]], cache: Path
    ) -> None:
        self._settings = config.inference
        self._other_path = config.data.path
        self._configs = configs
        self._cache = cache
        self._runs: dict[str, _Run] = {}
        self._described: dict[str, dict[str, Any]] = {}
        self._n_scored = self._n_cached = 0

    def scores_file(self, run_dir: str, split: str, corrupted: Corruption | None = None) -> Path:
        """The file with the scores of a split, made if it is not there yet.

        Raises
        ------
        RunError, DataError
            The checkpoint is broken or missing, or can't score these events.
        """
        run = self._asked(run_dir)
        numerics, settings = run.numerics, self._settings
        key = json_text(
            {
                "version": VERSION,
                "checkpoint": run.checkpoint["sha256"],
                "dataset": run.dataset["sha256"],
                "events": run.events.model_dump(
                    mode="json", exclude={"path", "synthetic", "augment"}
                ),
                "split": split,
                "batch_size": run.batch_size,
                "max_samples": settings.max_samples,
                "amp": numerics.get("amp", "off"),
                "device": settings.device.partition(":")[0],
                "matmul_precision": numerics.get("matmul_precision", "highest"),
                "corruption": corrupted,
            }
        )
        folder = self._cache / hashlib.sha256(key.encode()).hexdigest()[:32]
        path = folder / "scores" / f"{split}.npz"
        if path.is_file():
            self._n_cached += 1
            return path
        task = Task(
            Path(run.checkpoint["path"]),
            run.events,
            split,
            settings.max_samples,
            numerics,
            run.batch_size,
            run.is_classifier,
            corrupted,
        )
        self._scoring.write_scores(task, folder)
        self._n_scored += 1
        logger.info("scored %s of %s", split, run_dir)
        return path

    def check(self) -> None:
        """Raise a ConfigError where no run could be scored: no such file or device."""
        if self._settings.device.startswith("cuda"):
            _ = self._scoring
        if self._other_path is not None:
            try:
                files = dataset_files(self._other_path)
            except DataError as error:
                raise ConfigError(
                    error.message, key="data.path", found=str(self._other_path)
                ) from error
            missing = [str(file) for file in files if not file.is_file()]
            if missing:
                raise ConfigError("no such file", key="data.path", found=missing[0])

    def describe(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "device": self._settings.device,
            "batch_size": self._settings.batch_size or "as the runs",
            "datasets": list(self._described.values()),
            "n_scored": self._n_scored,
            "n_from_cache": self._n_cached,
            "torch": metadata.version("torch"),
        }

    def _asked(self, run_dir: str) -> _Run:
        """What a run asks for, found out once: splits and corruptions have it in common."""
        if run_dir not in self._runs:
            config = self._configs.get(run_dir)
            if not config:
                raise RunError("its config can't be read, so its events are unknown", key=run_dir)
            first = read_outline(run_dir).first
            events, dataset = self._events_of(run_dir, config, first.get("dataset"))
            numerics = first.get("numerics")
            self._runs[run_dir] = _Run(
                check_tested(run_dir),
                events,
                dataset,
                numerics if isinstance(numerics, Mapping) else {},
                self._settings.batch_size or _batch_size(config),
                config.get("phase1") is None,
            )
        return self._runs[run_dir]

    def _events_of(
        self, run_dir: str, config: Mapping[str, Any], recorded: object
    ) -> tuple[DataConfig, dict[str, Any]]:
        """The data section to score with, and what its files are."""
        values = dict(config.get("data") or {})
        if self._other_path is not None:
            values |= {"path": self._other_path, "synthetic": None}
        elif isinstance(values.get("path"), str):
            values["path"] = _as_seen_by(run_dir, values["path"])
        elif isinstance(values.get("path"), list):
            values["path"] = [_as_seen_by(run_dir, str(path)) for path in values["path"]]
        try:
            events = DataConfig(**values)
        except ValidationError as error:
            raise explain(error, DataConfig) from error
        key = json_text(events.path)
        if key not in self._described:
            self._described[key] = describe_dataset(events)
        dataset = self._described[key]
        if dataset["sha256"] is None:
            raise RunError(
                "its events are not there",
                key=str(dataset["path"]),
                do="give them with data.path=FILE",
            )
        expected = recorded.get("sha256") if isinstance(recorded, Mapping) else None
        if self._other_path is None and expected not in (None, dataset["sha256"]):
            raise RunError(
                "the data set is not the one that the run was trained on",
                key=str(dataset["path"]),
                found=f"sha256 {dataset['sha256']}",
                expected=f"sha256 {expected}",
                do="give the events to score with data.path=FILE",
            )
        return events, dataset

    @cached_property
    def _scoring(self) -> Scoring:
        # scores that are in the cache need no torch, which takes seconds to import
        from thesis_reports.inference.scoring import Scoring

        return Scoring(self._settings.device)


def _as_seen_by(run_dir: str, path: str) -> str:
    """A relative path starts where the report is made, or else where the run was."""
    if Path(path).is_absolute() or _is_there(path):
        return path
    try:
        launched = OmegaConf.load(Path(run_dir) / ".hydra" / "hydra.yaml")
        folder = OmegaConf.select(launched, "hydra.runtime.cwd") or "."
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException):
        return path
    there = str(Path(str(folder)) / path)
    return there if _is_there(there) else path


def _is_there(path: str) -> bool:
    return Path(path).exists() or bool(glob.glob(path))


def _batch_size(config: Mapping[str, Any]) -> int:
    for section in ("classifier", "phase1"):
        trainer = (config.get(section) or {}).get("trainer") or {}
        if isinstance(trainer.get("batch_size"), int):
            return trainer["batch_size"]
    return 1024
