"""Run `thesis-train` as a user does: in another folder, by its arguments alone."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

QUICK = ("loop=test_mlp", "general.trainer.epochs=2", "data.n_samples=200")
SMALL = (
    "data.synthetic.n_events=300",
    "classifier/model_size=s30k",
    "classifier.model.depth=1",
    "classifier.trainer.epochs=1",
)


COMMAND = [sys.executable, "-c", "from thesis_train.cli import main; main()"]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`thesis-train ARGUMENTS` in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
