"""Time the looks of ``thesis-facts watch`` at a sweep, a few runs of which go on between them.

    python benchmarks/watch.py                # 1,000 runs of 50 epochs, 20 of them running
    python benchmarks/watch.py --runs 10000 --no-epoch-histories

The runs are those of `load_runs.py`, in a sweep with a plan. Those that run have no end yet and
gain an event and two rows between two looks. The first look reads all, the others what changed;
files are in the page cache, imports are not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from load_runs import write_sweep

from thesis_facts import Point, SweepPlan, append_scalars_csv, run_lock, write_plan
from thesis_facts.watch_text import view_text
from thesis_facts.watched_sweeps import Watched


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="watch_") as folder, ExitStack() as locks:
        root = Path(folder)
        sweep = write_sweep(root, arguments.runs, arguments.epochs, arguments.epoch_histories)
        run_dirs = sorted((root / "runs").iterdir())
        points = tuple(Point(n, str(path), (f"seed={n}",)) for n, path in enumerate(run_dirs))
        write_plan(sweep, SweepPlan(folder, (), (), (), points))
        running = run_dirs[:: max(1, arguments.runs // arguments.running)]
        epochs = {run_dir: _take_end(run_dir) for run_dir in running}
        for run_dir in running:
            locks.enter_context(run_lock(run_dir))
        watched, times = Watched([str(sweep)]), []
        for look in range(arguments.repeats + 1):
            start = time.perf_counter()
            lines = view_text("benchmark", watched.look(), 100, 40)
            times.append(time.perf_counter() - start)
            for run_dir, epoch_event in epochs.items():
                _go_on(run_dir, epoch_event, arguments.epochs + look)
    print("\n".join(lines[:2]))
    print(f"first look  {times[0]:.3f} s")
    spread = f"{min(times[1:]):.3f} to {max(times[1:]):.3f}"
    print(f"next looks  {statistics.median(times[1:]):.3f} s ({spread})")


def _take_end(run_dir: Path) -> bytes:
    """Cut what a run wrote after its last epoch; return that epoch's event."""
    path = run_dir / "facts" / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)[:-2]
    path.write_bytes(b"".join(lines))
    return lines[-1]


def _go_on(run_dir: Path, event: bytes, epoch: int) -> None:
    for split in ("train", "val"):
        append_scalars_csv(run_dir, {"epoch": epoch, "split": split, f"{split}_loss": 0.5})
    descriptor = os.open(run_dir / "facts" / "events.jsonl", os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, event)
    os.close(descriptor)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--running", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--epoch-histories",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="histories in every epoch event, as runs of up to 100 epochs write them",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
