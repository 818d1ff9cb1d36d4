"""Time what a user waits for before anything happens: imports, ``--help``, the first step.

    python benchmarks/start_up.py

Each line is the median wall time of fresh interpreters, the bare interpreter among them. The
first step of a training and `import torch` alone alternate; what counts is their difference.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

REPEATS = 11
TRAININGS = 5
HELP = "import sys; from {} import main; sys.argv = ['x', '--help']; main()"
MEASURED = {
    "python, nothing": "pass",
    "import thesis_facts": "import thesis_facts",
    "thesis-facts --help": HELP.format("thesis_facts.cli"),
    "thesis-train --help": HELP.format("thesis_train.cli"),
}


def main() -> None:
    for name, code in MEASURED.items():
        seconds = [wall_time(code) for _ in range(REPEATS)]
        print(f"{name:22s} {statistics.median(seconds):.3f} s (fastest {min(seconds):.3f})")
    print_first_step()


def print_first_step() -> None:
    """Seconds from the start of a process to its first training step, above torch itself."""
    with tempfile.TemporaryDirectory() as folder:
        time_to_first_step(folder)  # makes the toy events
        torch, first = [], []
        for _ in range(TRAININGS):
            torch.append(wall_time("import torch"))
            first.append(time_to_first_step(folder))
    above = [step - load for step, load in zip(first, torch, strict=True)]
    for name, seconds in (("import torch", torch), ("first step", first), ("above torch", above)):
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{name:22s} {statistics.median(seconds):.2f} s ({spread})")


def time_to_first_step(folder: str) -> float:
    """Seconds until `thesis-train`, with its default model, has taken a step."""
    code = (
        "import os\n"
        "from thesis_train.cli import main\n"
        "from thesis_loops.engine import progress\n"
        "progress.Progress.step = lambda *_: os._exit(0)\n"
        "import sys; sys.argv = ['x', 'data.synthetic.n_events=3000']\n"
        "main()"
    )
    return wall_time(code, folder)


def wall_time(code: str, folder: str | None = None) -> float:
    """Seconds that a fresh interpreter takes to run some code."""
    start = time.perf_counter()
    silent = subprocess.DEVNULL
    subprocess.run(
        [sys.executable, "-c", code], stdout=silent, stderr=silent, cwd=folder, check=True
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
