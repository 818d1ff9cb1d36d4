"""Time what a user waits for before anything happens: imports and ``--help``.

    python benchmarks/start_up.py

Each line is the median wall time of fresh interpreters, the bare interpreter among them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 11
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


def wall_time(code: str) -> float:
    """Seconds that a fresh interpreter takes to run some code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
