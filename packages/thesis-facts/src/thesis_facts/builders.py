"""Event payloads: what a run says at each moment of its life."""

from __future__ import annotations

import difflib
import os
import platform
import socket
import subprocess
import traceback as tracebacks
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from thesis_facts.errors import RunError
from thesis_facts.strict_json import json_ready

SCHEMA_VERSION = 1

MOMENTS = (
    "on_start",
    "on_epoch_end",
    "on_validation_end",
    "on_test_end",
    "on_train_end",
    "on_exception",
)

_VERSIONED = (
    "thesis-train", "thesis-loops", "thesis-arch", "thesis-data", "thesis-facts",
    "torch", "numpy", "xgboost",
)  # fmt: skip


def build_event_payload(
    moment: str,
    *,
    run_dir: str | os.PathLike[str] | None,
    epoch: int | None = None,
    step: int | None = None,
    split: str | None = None,
    train_loss: float | None = None,
    val_loss: float | None = None,
    metrics: Mapping[str, float | None] | None = None,
    epoch_time_s: float | None = None,
    total_time_s: float | None = None,
    throughput: float | None = None,
    max_memory_mib: float | None = None,
    histories: Mapping[str, Sequence[float | None]] | None = None,
    meta: Mapping[str, Any] | None = None,
    error: BaseException | str | None = None,
    traceback: str | None = None,
    **extras: Any,
) -> dict[str, Any]:
    """Build one event of ``events.jsonl``; numbers that are not finite become null.

    Parameters
    ----------
    moment
        One of ``MOMENTS``.
    run_dir
        Directory of the run; None where a loop runs without one.
    epoch, step, split
        Position of the event; null where it has none.
    metrics
        Values of this moment, by name ("auroc", not "metric_auroc").
    epoch_time_s, total_time_s
        Seconds.
    throughput
        Training samples per second.
    max_memory_mib
        Peak memory (MiB).
    histories
        One value per epoch and name, null where unknown.
    meta
        What ``run_meta`` returned.
    error, traceback
        Of ``on_exception``; an exception object gives both.
    **extras
        Fields of one loop alone, kept as they are.

    Raises
    ------
    RunError
        If the moment is unknown.
    """
    if moment not in MOMENTS:
        near = difflib.get_close_matches(str(moment), MOMENTS, n=1)
        raise RunError(
            "unknown moment",
            found=repr(moment),
            expected=f"one of {', '.join(MOMENTS)}",
            do=f"did you mean {near[0]}?" if near else None,
        )
    payload = {
        "schema_version": SCHEMA_VERSION,
        "moment": moment,
        "run_dir": run_dir,
        "epoch": epoch,
        "step": step,
        "split": split,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "metrics": metrics or {},
        "epoch_time_s": epoch_time_s,
        "total_time_s": total_time_s,
        "throughput": throughput,
        "max_memory_mib": max_memory_mib,
        "histories": histories or {},
        "meta": meta,
        **extras,
    }
    if moment == "on_exception":
        payload |= _describe_error(error, traceback)
    return json_ready(payload)


def run_meta(
    run_id: str,
    seed: int | None,
    versions: Mapping[str, str] | None = None,
    cuda_info: Mapping[str, Any] | None = None,
    hydra_job_id: str | None = None,
) -> dict[str, Any]:
    """Describe the circumstances of a run, for the ``meta`` of each of its events.

    Parameters
    ----------
    run_id
        The one UUID of the run, kept over a resume.
    seed
        The seed that the loop used.
    versions
        Package versions; None looks up Python, ours and the numerical libraries.
    cuda_info
        What the loop knows of its device, e.g. ``{"available": False}``.
    hydra_job_id
        Identifier that the launcher gave to the job.
    """
    commit, dirty = code_state()
    return {
        "timestamp": datetime.now(UTC).isoformat(),
        "run_id": run_id,
        "git_commit": commit,
        "git_dirty": dirty,
        "hostname": socket.gethostname(),
        "cuda_info": cuda_info,
        "seed": seed,
        "hydra_job_id": hydra_job_id,
        "versions": dict(versions) if versions is not None else dict(installed_versions()),
    }


@cache  # the code that runs is the code that was loaded, whatever is committed meanwhile
def code_state() -> tuple[str | None, bool | None]:
    """Commit of the running code and whether tracked files differ from it; None where unknown.

    The repository is the checkout that this package runs from; for an installed wheel, the one
    of the working directory, where the user's own configuration and code live.
    """
    here = Path(__file__).resolve().parent
    where = Path.cwd() if "site-packages" in here.parts else here
    commit = _git(where, "rev-parse", "HEAD")
    changes = _git(where, "status", "--porcelain", "--untracked-files=no") if commit else None
    return commit, None if changes is None else bool(changes)


@cache
def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers of a run."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _describe_error(error: BaseException | str | None, traceback: str | None) -> dict[str, Any]:
    if not isinstance(error, BaseException):
        return {"error": error, "traceback": traceback}
    return {
        "error": f"{type(error).__name__}: {error}",
        "traceback": traceback or "".join(tracebacks.format_exception(error)),
    }


def _git(where: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # never block a commit beside us
    try:
        result = subprocess.run(
            ["git", "-C", str(where), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            env=environment,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
