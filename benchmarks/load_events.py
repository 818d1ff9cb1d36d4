"""Memory and time to load a file of events, against the bytes of its events.

    python benchmarks/load_events.py [FILE.h5] [--gib 0.3 1.0]

Files of these sizes are made of copies of the events of FILE (toy events without one), once packed
with gzip and once plain, and deleted afterwards. Each is loaded in a fresh process; what is told
is its highest resident memory over what it had after the imports.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset

STORAGE = {
    "plain": {},
    "plain, chunks": {"chunks": (2048, 92)},
    "gzip": {"chunks": (2048, 92), "compression": "gzip", "compression_opts": 1, "shuffle": True},
}

LOAD = """
import sys, time
import torch
from thesis_data import DataConfig, load_events
from load_events import memory
import thesis_data.loading
before = memory("VmRSS")
started = time.perf_counter()
load_events(DataConfig(path=sys.argv[1], memory_budget_gib=1000), ("train",))
print(memory("VmHWM") - before, time.perf_counter() - started)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file whose events are copied; none: toy events")
    parser.add_argument("--gib", type=float, nargs="+", default=[0.3, 1.0], help="sizes to load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load_events_") as folder:
        source = options.file or write_toy_dataset(
            Path(folder) / "toy.h5", ToyConfig(n_events=30_000, seed=1)
        )
        for gib in options.gib:
            for name in STORAGE:
                path = Path(folder) / "large.h5"
                n_bytes = write_copies(source, path, gib, name)
                peak, seconds = map(float, run_fresh(LOAD, path).split())
                print(
                    f"{name:14s} {n_bytes / 2**30:5.2f} GiB: peak {peak / 2**30:5.2f} GiB = "
                    f"{peak / n_bytes:.2f} x, {n_bytes / 368 / seconds:,.0f} events/s"
                )
                path.unlink()


def write_copies(
    source: str | Path, path: Path, gib: float, storage: str, sort: bool = False
) -> int:
    """Write training events of `source` over and over; returns the bytes of the events.

    Parameters
    ----------
    sort : bool
        All events of one process before those of the next.
    """
    with h5py.File(source) as file:
        events, labels = file["X_train"][:], file["Y_train"][:]
    n_events = int(gib * 2**30) // events[0].nbytes
    order = np.arange(n_events) % len(events)
    if sort:
        order = order[np.argsort(labels[order], kind="stable")]
    with h5py.File(path, "w") as file:
        stored = file.create_dataset(
            "X_train", (n_events, events.shape[1]), np.float32, **STORAGE[storage]
        )
        for start in range(0, n_events, 20_480):
            stored[start : start + 20_480] = events[order[start : start + 20_480]]
        file["Y_train"] = labels[order]
    return n_events * events[0].nbytes


def memory(field: str) -> int:
    """VmRSS (now) or VmHWM (highest so far) of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def run_fresh(code: str, *arguments: object) -> str:
    """What a new process prints that runs this code beside this file."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    here = Path(__file__).parent
    return subprocess.run(command, cwd=here, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
