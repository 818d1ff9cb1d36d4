"""Events a second of the toy Monte Carlo, generated and accepted, on one core.

    OMP_NUM_THREADS=1 uv run --package thesis-data python benchmarks/toy_monte_carlo.py

"accepted" are events that passed the selection, which is what a file holds. Rates are per second
of CPU time, so that a busy machine does not blur them, beside the wall clock; the median of the
repeats counts. The last line writes a file, so it includes compression.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_data.synthetic.generate import simulate
from thesis_data.synthetic.production import HARD_PROCESS

TARGET = 100_000  # events a second and core


def main() -> None:
    arguments = _arguments()
    n = arguments.events
    simulate(1000, seed=0)  # imports and first-use costs
    print(f"{n:,} events, median of {arguments.repeats}; target {TARGET:,} /s")
    print(f"{'':16s} {'per CPU second':>16s} {'per second':>12s}")
    for process in HARD_PROCESS:
        _report(
            process, n, arguments.repeats, lambda p=process: simulate(n, seed=1, processes={p: 1})
        )
    _report("default mixture", n, arguments.repeats, lambda: simulate(n, seed=1))
    with tempfile.TemporaryDirectory(prefix="toy_monte_carlo_") as folder:
        toy = ToyConfig(n_events=n, seed=1)
        path = Path(folder) / "toy.h5"
        _report("written to H5", n, arguments.repeats, lambda: write_toy_dataset(path, toy))
        print(f"file: {path.stat().st_size / 1e6:.1f} MB")


def _report(name: str, n_events: int, repeats: int, work: Callable[[], object]) -> None:
    cpu, wall = [], []
    for _ in range(repeats):
        started_cpu, started = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - started_cpu)
        wall.append(time.perf_counter() - started)
    rates = (n_events / statistics.median(times) for times in (cpu, wall))
    print("{:16s} {:16,.0f} {:12,.0f}".format(name, *rates))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
