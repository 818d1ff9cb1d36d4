"""What training read off a model: ``interpretability/epoch_N.pt`` of a run, N counted from 0.

Only these files need torch here; it is imported once one of them is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.errors import ConfigError, RunError

KINDS = ("padding", "jet", "b-jet", "e+", "e−", "μ+", "μ−", "photon")
"""Names of object ids, by their number."""

Section: TypeAlias = dict[str, NDArray[Any]]

_FOLDER = "interpretability"
_NAME = re.compile(r"epoch_(\d+)\.pt")


def epochs_at_hand(run_dir: str | Path) -> list[int]:
    """Epochs of which there is a file, counted from 0, in order.

    Raises
    ------
    RunError
        There is none.
    """
    folder = Path(run_dir) / _FOLDER
    matches = [_NAME.fullmatch(path.name) for path in folder.glob("epoch_*.pt")]
    epochs = sorted(int(match[1]) for match in matches if match)
    if not epochs:
        raise RunError(
            "nothing was read off the model while it trained",
            key=_FOLDER,
            do="train with trainer.interpretability.enabled=true or "
            "trainer.log_pid_embeddings=true",
        )
    return epochs


def files_of(run_dirs: Iterable[str]) -> list[Path]:
    """All such files of some runs, for the manifest of a report."""
    return [path for run in run_dirs for path in sorted((Path(run) / _FOLDER).glob("epoch_*.pt"))]


def read_epoch(run_dir: str | Path, epoch: int, wanted: Sequence[str]) -> dict[str, Section]:
    """Parts of the file of an epoch.

    Parameters
    ----------
    run_dir
        Of the run.
    epoch
        Counted from 0.
    wanted
        Such as ``attention_maps``; parts that the file lacks are left out. Of a file only what is
        wanted is read.

    Raises
    ------
    RunError
        The file is torn, or holds something else.
    ConfigError
        torch is not installed.
    """
    torch = _torch()
    path = Path(run_dir) / _FOLDER / f"epoch_{epoch}.pt"
    where = f"{_FOLDER}/{path.name}"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # foreign bytes make the unpickler fail in any way
        raise RunError(
            "not a readable file", key=where, found=_first_line(error), do="it may be torn"
        ) from error
    if not isinstance(content, Mapping):
        raise RunError("not what training writes", key=where)
    parts = {name: content[name] for name in wanted if name in content}
    if not all(_is_section(part, torch) for part in parts.values()):
        raise RunError("not what training writes", key=where, expected="tensors by name")
    return {name: {k: _array(v, torch) for k, v in part.items()} for name, part in parts.items()}


def read_nearest(
    run_dir: str | Path, best_epoch: object, wanted: Sequence[str]
) -> tuple[int, dict[str, Section]]:
    """The first of `wanted` at the best epoch or the nearest earlier one, with the others.

    Parameters
    ----------
    run_dir
        Of the run.
    best_epoch
        Counted from 0; None and NaN take the last epoch there is.
    wanted
        See `read_epoch`.

    Returns
    -------
    epoch, parts
        Counted from 0, and see `read_epoch`.

    Raises
    ------
    RunError
        No such epoch has it, or a file is torn.
    """
    known = None if best_epoch is None or pd.isna(best_epoch) else int(best_epoch)  # ty: ignore
    epochs = epochs_at_hand(run_dir)
    for epoch in reversed(epochs):
        if known is not None and epoch > known:
            continue
        parts = read_epoch(run_dir, epoch, wanted)
        if parts.get(wanted[0]):
            return epoch, parts
    until = "" if known is None else f" up to the best epoch, {known + 1}"
    listed = ", ".join(str(epoch + 1) for epoch in epochs)
    raise RunError(
        f"no {wanted[0]} were recorded{until}",
        key=_FOLDER,
        found=f"files of epochs {listed} with other things",
        do="train with classifier.trainer.interpretability.enabled=true",
    )


def read_all(run_dir: str | Path, wanted: str) -> Iterator[tuple[int, Section]]:
    """A part of all epochs that have it, with the epoch counted from 0; raises as `read_epoch`."""
    for epoch in epochs_at_hand(run_dir):
        part = read_epoch(run_dir, epoch, [wanted]).get(wanted)
        if part:
            yield epoch, part


def trained(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that finished; all of them where none did."""
    finished = runs[runs["status"] == "complete"]
    return finished if len(finished) else runs


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ConfigError(
            "what training reads off a model is read with torch, which is not installed",
            key="report_name",
            found=f"no module {error.name}",
            do="pip install 'thesis-reports[inference]'",
        ) from error
    return torch


def _is_section(part: object, torch: Any) -> bool:
    return isinstance(part, Mapping) and all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in part.items()
    )


def _array(tensor: Any, torch: Any) -> NDArray[Any]:
    """A copy: the file may go once it is read."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(tensor.detach().numpy())


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]
