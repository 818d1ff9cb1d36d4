"""Give one file of an offline run to the library's own `wandb sync`, in a process of its own.

Its core ends the process that it belongs to when a server answers what it doesn't expect.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from thesis_facts.errors import RunError
from thesis_loops.tracking.keys import KEY_VARIABLE
from thesis_wandb.project import Project

_LONGEST_S = 3600.0


def upload(file: Path, project: Project, folder: Path) -> None:
    """Send all that the file holds; the library marks it as done.

    Raises
    ------
    MirrorError
        If the server did not take it.
    RunError
        If the library did not end in time.
    """
    where = ["--project", project.name, *(["--entity", project.entity] if project.entity else [])]
    command = [sys.executable, "-m", "wandb", "sync", "--yes", "--include-synced", *where]
    environment = {**os.environ, KEY_VARIABLE: project.key, "WANDB_SILENT": "false"}
    before = _time_of(file)
    try:
        done = subprocess.run(
            [*command, str(file)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=_LONGEST_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RunError(
            "the library did not end", key=str(file), found=f"{error.timeout} s"
        ) from None
    if _time_of(file) == before:  # its exit code is 0 whatever happened
        raise project.refusal(_errors_in(done.stdout))


def _time_of(file: Path) -> int | None:
    try:
        return file.with_suffix(".wandb.synced").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _errors_in(output: str) -> str:
    """What the library complains of; a crash of its core is told by its first line."""
    lines = [line.removeprefix("wandb: ") for line in output.splitlines()]
    told = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR ")]
    crashes = [line for line in lines if line.startswith(("panic:", "Error:"))]
    return " ".join(told or crashes or lines[-1:])
