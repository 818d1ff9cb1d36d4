"""`last.pt` and `best_val.pt`: written whole or not at all, read without running code."""

import io
import logging
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from thesis_arch.checkpoint import CheckpointError, build_model, read_checkpoint
from thesis_facts.durable import reported
from thesis_facts.errors import RunError
from thesis_facts.writers import write_atomic

log = logging.getLogger("thesis_loops")

LAYOUT = 2
"""Of `last.pt`. Another layout is refused: half a resume would be worse than none."""

_PARTS: dict[str, type | tuple[type, ...]] = {
    "model": dict,
    "best": (dict, type(None)),
    "updater": dict,
    "stopping": dict,
    "recorder": dict,
    "tally": dict,
    "config": dict,
    "epoch": int,
    "step": int,
    "seconds": float,
}
_PLAIN = (type(None), bool, int, float, str, Tensor)


class Checkpoints:
    """The checkpoints of one run.

    `last.pt` holds all that resuming needs, the model of the best epoch among it. `best_val.pt`
    is that model alone, for those who score with it: it follows from `last.pt`, and is written
    again whenever a run is resumed. `last.prev.pt` is the `last.pt` before, for a disk that tore
    the newer one.

    Parameters
    ----------
    run_dir : Path or None
        None keeps the best model in memory alone.
    """

    def __init__(self, run_dir: Path | None) -> None:
        self.run_dir = run_dir
        self.best: dict[str, Any] | None = None
        self._best_is_written = True
        self._source: Path | None = None  # what the run goes on from
        self._spoiled: Path | None = None  # a `last.pt` that must not replace a good `last.prev.pt`

    def keep_best(self, payload: dict[str, Any]) -> None:
        """Keep the model part of the best epoch so far; the next `save` writes it."""
        self.best, self._best_is_written = payload, False

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep the state after the last step: `last.pt` first, from which the rest follows.

        Raises
        ------
        RunError
            The files can't be written; what stood there is untouched.
        """
        if self.run_dir is None:
            return
        content = {"layout": LAYOUT, **state, "best": self.best}
        _require_plain(content, "last.pt")
        last = self.run_dir / "last.pt"
        if last.exists() and last != self._spoiled:
            _give_second_name(last, self.run_dir / "last.prev.pt")
        _write(last, content)
        self._spoiled = None
        if not self._best_is_written:
            self._write_best()

    def load(self) -> dict[str, Any] | None:
        """The state to go on from, or None where the run never saved one.

        Raises
        ------
        RunError
            There are checkpoints, but none of them can be used.
        """
        if self.run_dir is None:
            return None
        candidates = (self.run_dir / "last.pt", self.run_dir / "last.prev.pt")
        found = [path for path in candidates if path.exists()]
        for path in found:
            try:
                state = _read(path)
            except CheckpointError as error:
                log.warning(f"can't resume from {' '.join(str(error).split())}")
                continue
            self.best, self._source = state["best"], path
            self._spoiled = candidates[0] if path != candidates[0] else None
            return state
        if found:
            raise RunError(
                "no usable checkpoint",
                key=str(self.run_dir),
                found=", ".join(path.name for path in found),
                do="start the run again in a new directory",
            )
        return None

    def settle_best(self) -> None:
        """Make `best_val.pt` fit the state that was loaded: it may be torn, or of a later epoch."""
        if self.run_dir is None:
            return
        if self.best is not None:
            self._write_best()
        else:
            with reported(self.run_dir / "best_val.pt"):
                (self.run_dir / "best_val.pt").unlink(missing_ok=True)

    @contextmanager
    def restoring(self) -> Generator[None]:
        """Say in words that the loaded state does not fit what it is given to.

        Raises
        ------
        RunError
            Names the file and what does not fit.
        """
        try:
            yield
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            raise RunError(
                "the checkpoint does not fit the model or the optimiser of this run",
                key=str(self._source),
                found=reason,
                do="resume with the version of the code that wrote it, or start a new run",
            ) from error

    def _write_best(self) -> None:
        if self.run_dir is not None and self.best is not None:
            _write(self.run_dir / "best_val.pt", self.best)
        self._best_is_written = True


def _read(path: Path) -> dict[str, Any]:
    state = read_checkpoint(path)
    if state.get("layout") != LAYOUT:
        found = state.get("layout", "none")
        raise CheckpointError(f"{path}: another layout (found {found}, but expected {LAYOUT})")
    for name, kind in _PARTS.items():
        if not isinstance(state.get(name), kind) or name not in state:
            raise CheckpointError(f"{path}: its part {name!r} is missing or no longer what it was")
    build_model(state["model"], source=str(path))  # its weights fit the model that it describes
    return state


def _write(path: Path, content: dict[str, Any]) -> None:
    # Through memory: torch turns a full disk into an error of its own without the reason.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, lambda file: file.write(buffer.getbuffer()))


def _give_second_name(last: Path, previous: Path) -> None:
    """Keep the old file under another name; `last.pt` itself never goes missing."""
    with reported(previous):
        previous.unlink(missing_ok=True)
        try:
            os.link(last, previous)
        except OSError:  # some network and FAT file systems have no second names
            shutil.copyfile(last, previous)


def _require_plain(value: Any, name: str) -> None:
    """Only what `weights_only` reads again: a NumPy scalar would make the file unreadable."""
    if type(value) in (dict, list, tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            _require_plain(inner, f"{name}.{key}")
    elif type(value) not in _PLAIN and not isinstance(value, Tensor):
        raise TypeError(f"{name}: found {type(value).__name__}, which no checkpoint can hold")
