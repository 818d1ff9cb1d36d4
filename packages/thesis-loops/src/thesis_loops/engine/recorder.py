"""Everything that a run leaves in `facts/`, and whoever else wants to hear of it."""

import logging
import resource
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from thesis_facts.axes import infer_axes
from thesis_facts.builders import build_event_payload, run_meta
from thesis_facts.errors import RunError
from thesis_facts.meta import write_meta
from thesis_facts.writers import (
    append_jsonl_event,
    append_scalars_csv,
    truncate_scalars,
    write_json,
)
from thesis_loops.engine.earlier import storable
from thesis_loops.engine.numerics import cuda_info

log = logging.getLogger("thesis_loops")

Sink = Callable[[Mapping[str, Any], Mapping[str, Any]], None]
"""Called as sink(event, arrays): the event that facts keep, and what JSON can't carry."""

# Histories in every event cost the square of the epochs; beyond this only the last event has them.
_EPOCHS_WITH_HISTORIES = 100


@dataclass(frozen=True)
class EpochResult:
    """Numbers of one epoch (or of one boosting round).

    Attributes
    ----------
    epoch : int
        From 0.
    train_loss, val_loss : float
        Means over the events of the split.
    train_metrics, val_metrics : dict
        By name, without prefix.
    epoch_time_s : float
        Seconds of the training pass.
    throughput : float
        Training events a second.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_metrics: Mapping[str, float]
    val_metrics: Mapping[str, float]
    epoch_time_s: float
    throughput: float


@dataclass
class FactsRecorder:
    """Writes the facts of one run; usable by any loop, torch or not.

    Parameters
    ----------
    run_dir : Path or None
        None writes nothing; sinks still hear of everything.
    config : dict
        The resolved config, plain containers.
    seed : int
        The one that the loop uses.
    with_histories : bool
        Whether each epoch's event carries all earlier epochs.
    sinks : sequence of callables
        One that fails is reported once and not called again.
    """

    run_dir: Path | None
    config: dict[str, Any]
    seed: int
    with_histories: bool = True
    sinks: Sequence[Sink] = ()
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    histories: dict[str, list[float | None]] = field(default_factory=dict)
    _earlier_s: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _position: tuple[int | None, int | None] = (None, None)

    def __post_init__(self) -> None:
        self.sinks = list(self.sinks)

    def open(self) -> None:
        """Write what is known before anything can fail: config and meta."""
        reset_peak_memory()
        if self.run_dir is not None:
            write_json(self.run_dir / "facts" / "config.json", self.config)
            write_meta(self.run_dir, self.config)

    def begin(self, reported_axes: Mapping[str, Any], **extras: Any) -> None:
        """The model is built: axes and `on_start`."""
        if self.run_dir is not None:
            axes = infer_axes(self.config, reported=reported_axes)
            write_json(self.run_dir / "facts" / "axes.json", axes)
        self._emit(self._event("on_start", **extras))

    def epoch_end(self, result: EpochResult, arrays: Mapping[str, Any] | None = None) -> None:
        """Two rows of scalars and `on_epoch_end`."""
        self.epochs_end([result], arrays)

    def epochs_end(
        self, results: Sequence[EpochResult], arrays: Mapping[str, Any] | None = None
    ) -> None:
        """The same for several epochs, written at once: boosting rounds may take milliseconds.

        Parameters
        ----------
        results : sequence of EpochResult
            In their order.
        arrays : dict or None
            Of the last of them, for sinks.
        """
        memory, rows, events = peak_memory_mib(), [], []
        for result in results:
            self._remember(result, memory)
            rows += _rows(result, memory)
            events.append(self._epoch_event(result, memory))
        if self.run_dir is not None:
            append_scalars_csv(self.run_dir, *rows)
        self._emit(*events, arrays=arrays)

    def test_end(
        self,
        epoch: int,
        loss: float,
        metrics: Mapping[str, Any],
        arrays: Mapping[str, Any] | None = None,
    ) -> None:
        """The one row of the test split, for the weights of epoch `epoch`, and `on_test_end`."""
        numbers = {"loss": loss, **metrics}
        if self.run_dir is not None:
            append_scalars_csv(self.run_dir, {"epoch": epoch, "split": "test", **_columns(numbers)})
        event = self._event("on_test_end", epoch=epoch, split="test", metrics=numbers)
        self._emit(event, arrays=arrays)

    def train_end(self, results: Mapping[str, Any], **extras: Any) -> None:
        """The run is complete, with what it returns."""
        event = self._event(
            "on_train_end",
            total_time_s=self.elapsed_s,
            histories=self.histories,
            results=storable(results),
            **extras,
        )
        self._emit(event)

    def failed(self, error: BaseException) -> None:
        """The run ends here, and why; a full disk must not hide that."""
        epoch, step = self._position
        took = self.elapsed_s
        try:
            ended = {"epoch": epoch, "step": step, "total_time_s": took}
            self._emit(self._event("on_exception", error=error, **ended))
        except RunError as unwritten:
            log.warning(f"the facts lack how this run ended: {unwritten}")

    def at(self, epoch: int, step: int | None) -> None:
        """Remember where training is, for the event of a failure; no step is validation."""
        self._position = (epoch, step)

    @property
    def elapsed_s(self) -> float:
        """Seconds that this run took so far, interruptions left out."""
        return self._earlier_s + time.monotonic() - self._started

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "run_id": self.run_id,
            "elapsed_s": self.elapsed_s,
            "histories": {name: list(values) for name, values in self.histories.items()},
        }

    def load_state_dict(self, state: dict[str, Any], last_epoch: int) -> None:
        """From a checkpoint; rows of epochs after `last_epoch` are cut, they come again."""
        self.run_id = state["run_id"]
        self.histories = state["histories"]
        self._earlier_s, self._started = state["elapsed_s"], time.monotonic()
        if self.run_dir is not None:
            truncate_scalars(self.run_dir, last_epoch)

    def _remember(self, result: EpochResult, memory: float) -> None:
        values = {
            "train_loss": result.train_loss,
            "val_loss": result.val_loss,
            "epoch_time_s": result.epoch_time_s,
            "throughput": result.throughput,
            "max_memory_mib": memory,
            **{f"train_{name}": value for name, value in result.train_metrics.items()},
            **{f"val_{name}": value for name, value in result.val_metrics.items()},
        }
        for name in self.histories.keys() | values.keys():
            history = self.histories.setdefault(name, [])
            history += [None] * (result.epoch - len(history))  # unknown before it first appeared
            history.append(values.get(name))

    def _epoch_event(self, result: EpochResult, memory: float) -> dict[str, Any]:
        carry = self.with_histories and result.epoch < _EPOCHS_WITH_HISTORIES
        return self._event(
            "on_epoch_end",
            epoch=result.epoch,
            train_loss=result.train_loss,
            val_loss=result.val_loss,
            metrics=result.val_metrics,
            train_metrics=result.train_metrics,
            histories=self.histories if carry else None,
            epoch_time_s=result.epoch_time_s,
            throughput=result.throughput,
            max_memory_mib=memory,
        )

    def _event(self, moment: str, **fields: Any) -> dict[str, Any]:
        meta = run_meta(
            self.run_id, self.seed, cuda_info=cuda_info(), hydra_job_id=self.config.get("job_id")
        )
        return build_event_payload(moment, run_dir=self.run_dir, meta=meta, **fields)

    def _emit(self, *events: dict[str, Any], arrays: Mapping[str, Any] | None = None) -> None:
        if self.run_dir is not None:
            append_jsonl_event(self.run_dir, *events)
        for event in events:
            carried = (arrays or {}) if event is events[-1] else {}
            for sink in list(self.sinks):
                self._tell(sink, event, carried)

    def _tell(self, sink: Sink, event: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        try:
            sink(event, arrays)
        except Exception as error:  # noqa: BLE001 - a picture or a mirror never stops a training
            log.warning(f"{getattr(sink, '__name__', sink)} failed and is switched off: {error}")
            self.sinks = [other for other in self.sinks if other is not sink]


def reset_peak_memory() -> None:
    """Forget the peak of an earlier run on the GPU; a process can't forget its own."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        torch.cuda.reset_peak_memory_stats()


def peak_memory_mib() -> float:
    """Largest memory so far (MiB).

    Of the GPU during this run, where one is used. Else of this process since it began: a second
    run in one process never shows less than the first.
    """
    if torch.cuda.is_available() and (on_gpu := torch.cuda.max_memory_allocated()):
        return on_gpu / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _rows(result: EpochResult, memory: float) -> list[dict[str, Any]]:
    """The rows of both splits."""
    shared = {
        "epoch": result.epoch,
        "epoch_time_s": result.epoch_time_s,
        "throughput": result.throughput,
        "max_memory_mib": memory,
    }
    train = {"split": "train", "train_loss": result.train_loss, **_columns(result.train_metrics)}
    val = {"split": "val", "val_loss": result.val_loss, **_columns(result.val_metrics)}
    return [shared | train, shared | val]


def _columns(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {f"metric_{name}": value for name, value in metrics.items()}
