"""`best_val.pt` and `last.pt`: written whole or not at all, read without running code."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import torch

from thesis_arch.checkpoint import CheckpointError, read_checkpoint
from thesis_facts.errors import RunError
from thesis_facts.writers import write_atomic

log = logging.getLogger("thesis_loops")


class Checkpoints:
    """The checkpoints of one run.

    `best_val.pt` is the model part alone; `last.pt` is that and all that resuming needs;
    `last.prev.pt` is the one before, for a `last.pt` that a dying disk tore.

    Parameters
    ----------
    run_dir : Path or None
        None keeps the best model in memory alone.
    """

    def __init__(self, run_dir: Path | None) -> None:
        self.run_dir = run_dir
        self.best: dict[str, Any] | None = None

    def save_best(self, payload: dict[str, Any]) -> None:
        """Keep the model part of the best epoch so far."""
        self.best = payload
        if self.run_dir is not None:
            _save(self.run_dir / "best_val.pt", payload)

    def save_last(self, state: dict[str, Any]) -> None:
        """Keep the state after the last step."""
        if self.run_dir is None:
            return
        last, previous = self.run_dir / "last.pt", self.run_dir / "last.prev.pt"
        if last.exists():
            # A second name for the old file; `last.pt` itself never goes missing.
            previous.unlink(missing_ok=True)
            try:
                os.link(last, previous)
            except OSError:  # some network and FAT file systems have no second names
                shutil.copyfile(last, previous)
        _save(last, state)

    def load_last(self) -> dict[str, Any] | None:
        """The state to go on from, or None where the run never saved one.

        Raises
        ------
        RunError
            There are checkpoints, but none of them can be read.
        """
        if self.run_dir is None:
            return None
        candidates = (self.run_dir / "last.pt", self.run_dir / "last.prev.pt")
        found = [path for path in candidates if path.exists()]
        for path in found:
            try:
                state = read_checkpoint(path)
                self.best = read_checkpoint(self.run_dir / "best_val.pt") if state["best"] else None
                return state
            except (CheckpointError, FileNotFoundError, KeyError) as error:
                log.warning(f"can't resume from {path.name}: {error}")
        if found:
            raise RunError(
                "no readable checkpoint",
                key=str(self.run_dir),
                found=", ".join(path.name for path in found),
                do="start the run again in a new directory",
            )
        return None


def _save(path: Path, content: dict[str, Any]) -> None:
    def write(file: BinaryIO) -> None:
        torch.save(content, file)

    write_atomic(path, write)
