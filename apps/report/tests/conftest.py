"""A sweep of two runs, just enough to report on, and the command in a folder that holds it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from thesis_facts import (
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    write_json,
    write_pointer,
)

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with ``outputs/runs`` and ``outputs/multiruns`` of one sweep over dim."""
    outputs = tmp_path / "outputs"
    for job, dim in enumerate((32, 64)):
        run_dir = outputs / "runs" / f"run_20260101-120000_dims_job{job:03d}"
        _write_run(run_dir, dim)
        write_pointer(
            outputs / "multiruns" / "exp_20260101-120000_dims",
            job,
            run_dir,
            [f"classifier.model.dim={dim}"],
        )
    return tmp_path


@pytest.fixture
def thesis_report(workplace: Path) -> Command:
    """The installed command, run in the workplace."""
    command = Path(sys.executable).with_name("thesis-report")

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *arguments],
            cwd=workplace,
            capture_output=True,
            text=True,
            env={"PATH": f"{command.parent}:/usr/bin:/bin", **environment},
        )

    return run


def _write_run(run_dir: Path, dim: int) -> None:
    config = {
        "loop": "transformer_classifier",
        "classifier": {"model": {"dim": dim}, "trainer": {"seed": 1}},
    }
    write_json(run_dir / "facts" / "config.json", config)
    for epoch in range(3):
        append_scalars_csv(
            run_dir,
            {"epoch": epoch, "split": "val", "val_loss": 0.6 - 0.1 * epoch, "epoch_time_s": 2.0,
             "metric_auroc": 0.6 + 0.1 * epoch + dim / 1000},
        )  # fmt: skip
    payload = build_event_payload("on_train_end", run_dir=run_dir, total_time_s=6.0)
    append_jsonl_event(run_dir, payload)
