"""Time and memory of the default report, without inference, with all its figures.

    python benchmarks/report_runs.py                          # 300 runs of 50 epochs
    python benchmarks/report_runs.py --runs 1000 3000 10000 --epochs 50 --no-epoch-histories

The runs are written to a temporary folder as `benchmarks/load_runs.py` writes them, a tenth of
them with scores of 3,000 events. Each report is made by a process of its own, whose time counts
from its start and whose memory is the largest that it ever held.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from load_runs import write_sweep

from thesis_facts import Scores, write_scores


def main() -> None:
    arguments = _arguments()
    for runs in arguments.runs:
        with tempfile.TemporaryDirectory(prefix="report_runs_") as folder:
            root = Path(folder)
            sweep = write_sweep(root, runs, arguments.epochs, arguments.epoch_histories)
            add_scores(root, runs)
            seconds, mebibytes = report(sweep)
            print(f"{runs:6d} runs  {seconds:6.1f} s  {mebibytes:6.0f} MiB", flush=True)


def add_scores(root: Path, runs: int) -> None:
    """Scores of 3,000 events in every tenth run, among which is the best one or not."""
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, 3000)
    for number, run_dir in enumerate(sorted((root / "runs").iterdir())):
        if number % 10 == 0:
            margin = draw.normal(1.8 * (labels - 0.5))
            logits = np.stack([-margin / 2, margin / 2], axis=1)
            write_scores(run_dir, "test", Scores(logits, labels, ("background", "4t")))


def report(sweep: Path) -> tuple[float, float]:
    """Seconds and MiB of one report."""
    command = ["thesis-report", f"inputs.sweep_dir={sweep}"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("the report failed")
    return time.perf_counter() - begun, _peak(usage)


def _peak(usage: resource.struct_rusage) -> float:
    """Largest resident memory in MiB; macOS counts bytes, others KiB."""
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[300])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--epoch-histories", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
