"""Time a small sweep: its jobs one after another on all threads, against one job a core.

    python benchmarks/sweep_throughput.py [--points 4] [--events 30000] [--epochs 3]

Both ways train the default transformer with the same seeds; the toy events are made beforehand.
The two alternate, and what counts is the ratio of their wall times (s).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMAND = [sys.executable, "-c", "from thesis_train.cli import main; main()"]
LAUNCHERS = {"one at a time": [], "one a core": ["hydra/launcher=joblib"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=4)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    seeds = ",".join(map(str, range(options.points)))
    training = [
        f"data.synthetic.n_events={options.events}",
        f"classifier.trainer.epochs={options.epochs}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        wall_time(folder, [training[0], "classifier.trainer.epochs=1"])
        sweep = ["--multirun", *training, f"classifier.trainer.seed={seeds}"]
        seconds: dict[str, list[float]] = {name: [] for name in LAUNCHERS}
        for _ in range(options.repeats):
            for name, launcher in LAUNCHERS.items():
                seconds[name].append(wall_time(folder, [*sweep, *launcher]))
    ratios = [a / b for a, b in zip(*seconds.values(), strict=True)]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {options.points} jobs")
    for name, found in seconds.items():
        print(
            f"{name:14s} {statistics.median(found):6.1f} s ({min(found):.1f} to {max(found):.1f})"
        )
    print(
        f"ratio          {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def wall_time(folder: str, arguments: list[str]) -> float:
    """Seconds of `thesis-train ARGUMENTS`, with the threads that it chooses itself."""
    environment = {key: text for key, text in os.environ.items() if key != "OMP_NUM_THREADS"}
    start = time.perf_counter()
    subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
