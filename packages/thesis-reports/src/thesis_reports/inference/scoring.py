"""Load checkpoints and score events with them, as precisely as their runs did."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import torch

from thesis_arch import CheckpointError, load_model
from thesis_data import DataConfig, EventData, load_events
from thesis_data.corruption import corruption
from thesis_data.scoring import ScoresEvents, anomaly_scores, classifier_scores
from thesis_facts import write_scores
from thesis_facts.anomaly import write_anomaly_scores
from thesis_facts.errors import ConfigError, RunError, ThesisError
from thesis_reports.inference.scorer import Task

_AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


# what a model that was made for other events, or for another task, ends with
_CANT_SCORE = (RuntimeError, KeyError, IndexError, TypeError, AttributeError, ValueError)


class Scoring:
    """Scores on one device; the events of the last task stay for the next that wants the same.

    Raises
    ------
    ConfigError
        There is no such device here.
    """

    def __init__(self, device: str) -> None:
        self._device = _device(device)
        self._loaded: tuple[str, EventData] | None = None

    def write_scores(self, task: Task, folder: Path) -> None:
        """Score a split and write the scores as a run would, below `folder`.

        Raises
        ------
        RunError, DataError
            The checkpoint is broken, or can't score these events.
        """
        try:
            self._write_scores(task, folder)
        except ThesisError:
            raise
        except _CANT_SCORE as error:
            reason = str(error).splitlines()[0] if str(error) else ""
            is_full = isinstance(error, torch.OutOfMemoryError)
            raise RunError(
                "its checkpoint can't score these events",
                key=str(task.checkpoint),
                found=f"{type(error).__name__}: {reason}",
                do="a smaller inference.batch_size" if is_full else None,
            ) from error

    def _write_scores(self, task: Task, folder: Path) -> None:
        model = _load(task.checkpoint, self._device)
        data = self._load_split(task.events, task.split)
        corrupted = task.corrupted
        given: dict[str, Any] = {
            "batch_size": task.batch_size,
            "device": self._device,
            "with_embeddings": corrupted is None,
            "corrupt": corrupted and corruption(*corrupted, n_tokens=data.n_tokens),
        }
        split = data.splits[task.split]
        if task.max_samples is not None:
            split = split.sample(task.max_samples)
        with _precision(task.numerics, self._device), torch.inference_mode():
            if task.is_classifier:
                scores = classifier_scores(model, split, data.class_names, **given)
                write_scores(folder, task.split, scores)
            else:
                write_anomaly_scores(folder, task.split, anomaly_scores(model, split, **given))

    def _load_split(self, events: DataConfig, split: str) -> EventData:
        key = f"{split} {events.model_dump_json()}"
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # never two in memory
            self._loaded = (key, load_events(events, (split,)))
        return self._loaded[1]


def _load(checkpoint: Path, device: torch.device) -> ScoresEvents:
    try:
        return cast(ScoresEvents, load_model(checkpoint, device))
    except (CheckpointError, FileNotFoundError, ModuleNotFoundError) as error:
        raise RunError("its checkpoint can't be used", found=str(error)) from error


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
