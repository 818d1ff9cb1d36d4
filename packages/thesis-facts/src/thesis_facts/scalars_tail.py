"""Follow ``scalars.csv`` while it grows: every row is parsed once, a rewritten file anew."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass

from thesis_facts.events import is_epoch

_NUMBERS = ("train_loss", "val_loss", "epoch_time_s", "throughput", "metric_auroc")
_NEEDED = ("epoch", "split", *_NUMBERS)
_REMEMBERED = 0.5  # weight of the epochs before in the time of an epoch


@dataclass
class Progress:
    """How far a run came; None where its facts don't say.

    Attributes
    ----------
    epochs
        Number of epochs that are done.
    train_loss, val_loss
        Of the last epoch.
    best_loss, best_epoch, best_auroc
        Lowest validation loss, its epoch, and the validation AUROC there.
    epoch_time_s
        Time of an epoch (s), the last ones counting most.
    throughput
        Training samples per second in the last epoch.
    """

    epochs: int = 0
    train_loss: float | None = None
    val_loss: float | None = None
    best_loss: float | None = None
    best_epoch: int | None = None
    best_auroc: float | None = None
    epoch_time_s: float | None = None
    throughput: float | None = None


class ScalarsTail:
    """Progress of one run by its scalars.

    A row that can't be read is passed over, and so is a last one that is not whole yet.
    """

    def __init__(self, run_dir: str) -> None:
        self.path = os.path.join(run_dir, "facts", "scalars.csv")
        self._forget()

    def update(self) -> None:
        """Read what is new."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._forget()
            return
        try:
            self._read(descriptor)
        except OSError:  # a directory, a broken disk
            self._forget()
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        self.progress = Progress()
        self._seen: tuple[int, int, int] | None = None
        self._offset, self._last = 0, b""
        self._columns: dict[str, int] = {}
        self._n_columns = 0

    def _read(self, descriptor: int) -> None:
        state = os.fstat(descriptor)
        now = state.st_ino, state.st_size, state.st_mtime_ns
        if now == self._seen:
            return
        if not self._continues(descriptor, state.st_ino):
            self._forget()
        text = os.pread(descriptor, max(0, state.st_size - self._offset), self._offset)
        self._seen = now
        whole, newline, _ = text.rpartition(b"\n")
        if newline:
            self._offset += len(whole) + 1
            lines = whole.split(b"\n")
            self._last = lines[-1]
            for line in lines:
                self._take(line)

    def _continues(self, descriptor: int, inode: int) -> bool:
        """Whether the file still begins with what was read: a resumed run writes it anew."""
        if self._seen is None or self._seen[0] != inode:
            return False
        if not self._offset:
            return True
        length = len(self._last) + 1
        return os.pread(descriptor, length, self._offset - length) == self._last + b"\n"

    def _take(self, line: bytes) -> None:
        cells = _cells(line)
        if not self._columns:
            names = [cell.decode("utf-8", "replace") for cell in cells]
            self._columns = {name: names.index(name) for name in _NEEDED if name in names}
            self._n_columns = len(cells)
            return
        if len(cells) != self._n_columns or not {"epoch", "split"} <= self._columns.keys():
            return
        row = {name: cells[position] for name, position in self._columns.items()}
        try:
            epoch = int(float(row["epoch"]))
            numbers = {name: _number(row.get(name)) for name in _NUMBERS}
        except (ValueError, OverflowError):
            return
        if is_epoch(epoch) and row["split"] in (b"train", b"val"):  # test comes once, at the end
            self._add(epoch, row["split"] == b"val", numbers)

    def _add(self, epoch: int, is_val: bool, numbers: dict[str, float | None]) -> None:
        progress, loss, time_s = self.progress, numbers["val_loss"], numbers["epoch_time_s"]
        if epoch >= progress.epochs:  # an epoch has a row for each split, or one for both
            progress.epochs = epoch + 1
            progress.train_loss = progress.val_loss = None
            if time_s is not None:
                before = time_s if progress.epoch_time_s is None else progress.epoch_time_s
                progress.epoch_time_s = _REMEMBERED * before + (1 - _REMEMBERED) * time_s
        for name in ("train_loss", "val_loss", "throughput"):
            if numbers[name] is not None:
                setattr(progress, name, numbers[name])
        best = math.inf if progress.best_loss is None else progress.best_loss
        if is_val and loss is not None and loss < best:
            progress.best_loss, progress.best_epoch = loss, epoch
            progress.best_auroc = numbers["metric_auroc"]


def _cells(line: bytes) -> list[bytes]:
    line = line.rstrip(b"\r")
    if b'"' not in line:
        return line.split(b",")
    try:
        [cells] = csv.reader([line.decode("utf-8", "replace")])
    except csv.Error:  # a cell beyond all measure
        return []
    return [cell.encode() for cell in cells]


def _number(cell: bytes | None) -> float | None:
    number = float(cell) if cell else math.nan
    return number if math.isfinite(number) else None
