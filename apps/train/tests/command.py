"""Run `thesis-train` as a user does: another process, another folder."""

import os
import subprocess
import sys
from pathlib import Path

QUICK = ("loop=test_mlp", "general.trainer.epochs=2", "data.n_samples=200")
SMALL = (
    "data.synthetic.n_events=300",
    "classifier/model_size=s30k",
    "classifier.model.depth=1",
    "classifier.trainer.epochs=1",
)


def thesis_train(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Result of `thesis-train ARGUMENTS` in `folder`."""
    return subprocess.run(
        [sys.executable, "-c", "from thesis_train.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
