"""Score the events of a split with the checkpoint of a run, once for all reports."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError

from thesis_arch import CheckpointError, load_model
from thesis_data import DataConfig, EventData, describe_dataset, load_events
from thesis_data.corruption import corruption
from thesis_data.scoring import ScoresEvents, anomaly_scores, classifier_scores
from thesis_facts import write_scores
from thesis_facts.anomaly import write_anomaly_scores
from thesis_facts.durable import json_text
from thesis_facts.errors import ConfigError, RunError, explain
from thesis_facts.events import read_outline
from thesis_facts.json_objects import read_object
from thesis_reports.config import ReportConfig
from thesis_reports.manifest import CHECKPOINT

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised by every change after which a checkpoint gives other scores."""

_AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}

Corruption = tuple[str, float]  # kind and strength


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
        self._device = _device(config.inference.device)
        self._described: dict[str, dict[str, Any]] = {}
        self._loaded: tuple[str, EventData] | None = None
        self._n_scored = self._n_cached = 0

    def scores_file(self, run_dir: str, split: str, corrupted: Corruption | None = None) -> Path:
        """The file with the scores of a split, made if it is not there yet.

        Raises
        ------
        RunError, DataError
            The checkpoint is broken or missing, or can't score these events.
        """
        config = self._config_of(run_dir)
        events, dataset = self._events_of(run_dir, config)
        checkpoint = _checkpoint_of(run_dir)
        numerics = read_outline(run_dir).first.get("numerics") or {}
        batch_size = self._settings.batch_size or _batch_size(config)
        key = json_text(
            {
                "version": VERSION,
                "checkpoint": _digest(checkpoint),
                "dataset": dataset["sha256"],
                "events": events.model_dump(mode="json", exclude={"path", "synthetic", "augment"}),
                "split": split,
                "batch_size": batch_size,
                "amp": numerics.get("amp", "off"),
                "matmul_precision": numerics.get("matmul_precision", "highest"),
                "corruption": corrupted,
            }
        )
        folder = self._cache / hashlib.sha256(key.encode()).hexdigest()[:32]
        path = folder / "scores" / f"{split}.npz"
        if path.is_file():
            self._n_cached += 1
            return path
        model = _load(checkpoint, self._device)
        data = self._load_split(events, split)
        given: dict[str, Any] = {
            "batch_size": batch_size,
            "device": self._device,
            "with_embeddings": corrupted is None,
            "corrupt": corrupted and corruption(*corrupted, n_tokens=data.n_tokens),
        }
        with _precision(numerics, self._device), torch.inference_mode():
            if self.is_classifier(run_dir):
                names = data.class_names
                scores = classifier_scores(model, data.splits[split], names, **given)
                write_scores(folder, split, scores)
            else:
                found = anomaly_scores(model, data.splits[split], **given)
                write_anomaly_scores(folder, split, found)
        self._n_scored += 1
        logger.info("scored %s of %s", split, run_dir)
        return path

    def is_classifier(self, run_dir: str) -> bool:
        """Whether a run trained a classifier, not an autoencoder."""
        return self._config_of(run_dir).get("phase1") is None

    def describe(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "device": str(self._device),
            "batch_size": self._settings.batch_size or "as the runs",
            "datasets": list(self._described.values()),
            "n_scored": self._n_scored,
            "n_from_cache": self._n_cached,
            "torch": torch.__version__,
        }

    def _config_of(self, run_dir: str) -> Mapping[str, Any]:
        config = self._configs.get(run_dir)
        if not config:
            raise RunError("its config can't be read, so its events are unknown", key=run_dir)
        return config

    def _events_of(
        self, run_dir: str, config: Mapping[str, Any]
    ) -> tuple[DataConfig, dict[str, Any]]:
        """The data section to score with, and what its files are."""
        values = dict(config.get("data") or {})
        if self._other_path is not None:
            values |= {"path": self._other_path, "synthetic": None}
        try:
            events = DataConfig(**values)
        except ValidationError as error:
            raise explain(error, DataConfig) from error
        key = json_text(events.path)
        if key not in self._described:
            self._described[key] = describe_dataset(events)
        dataset = self._described[key]
        recorded = read_outline(run_dir).first.get("dataset") or {}
        if self._other_path is None and recorded.get("sha256") not in (None, dataset["sha256"]):
            raise RunError(
                "the data set is not the one that the run was trained on",
                key=str(dataset["path"]),
                found=f"sha256 {dataset['sha256']}",
                expected=f"sha256 {recorded['sha256']}",
                do="give the events to score with data.path=FILE",
            )
        return events, dataset

    def _load_split(self, events: DataConfig, split: str) -> EventData:
        """The split, kept while the next run asks for the same."""
        key = f"{split} {events.model_dump_json()}"
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # never two in memory
            self._loaded = (key, load_events(events, (split,)))
        return self._loaded[1]


def _checkpoint_of(run_dir: str) -> Path:
    """The file whose weights the run tested."""
    for name in ("evaluation", "anomaly"):
        facts = read_object(str(Path(run_dir) / "facts" / f"{name}.json")) or {}
        described = facts.get("checkpoint")
        if isinstance(described, Mapping) and isinstance(described.get("path"), str):
            return Path(run_dir) / Path(described["path"]).name
    return Path(run_dir) / CHECKPOINT


def _digest(checkpoint: Path) -> str:
    try:
        with checkpoint.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError("no checkpoint", key=str(checkpoint), found=error.strerror) from error


def _load(checkpoint: Path, device: torch.device) -> ScoresEvents:
    try:
        return cast(ScoresEvents, load_model(checkpoint, device))
    except (CheckpointError, FileNotFoundError, ModuleNotFoundError) as error:
        raise RunError("its checkpoint can't be used", found=str(error)) from error


def _batch_size(config: Mapping[str, Any]) -> int:
    for section in ("classifier", "phase1"):
        trainer = (config.get(section) or {}).get("trainer") or {}
        if isinstance(trainer.get("batch_size"), int):
            return trainer["batch_size"]
    return 1024


@contextmanager
def _precision(numerics: Mapping[str, Any], device: torch.device) -> Generator[None]:
    """That of the run; the process gets its own back."""
    before = torch.get_float32_matmul_precision()
    amp = _AMP_TYPES.get(numerics.get("amp", "off"))
    if amp is torch.float16 and device.type == "cpu":
        amp = torch.bfloat16
    torch.set_float32_matmul_precision(numerics.get("matmul_precision", "highest"))
    try:
        with nullcontext() if amp is None else torch.autocast(device.type, dtype=amp):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    is_there = device.type == "cpu" or (
        device.type == "cuda" and (device.index or 0) < torch.cuda.device_count()
    )
    if not is_there:
        raise ConfigError(
            "no such device here",
            key="inference.device",
            found=name,
            expected="auto, cpu, cuda or cuda:N",
        )
    return device
