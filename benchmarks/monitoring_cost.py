"""What pictures cost: the same run with and without them, in turn.

    OMP_NUM_THREADS=1 python benchmarks/monitoring_cost.py [--events 20000] [--epochs 40]

Both train a transformer on the same events; with pictures as `logging` has them by default, or
with another of its options (`--logging plots_full`). Beside wall and CPU time of the two stands
what the pictures say of themselves: seconds that went into drawing, how many were drawn, and
their share of the run, which is the number to trust on a machine that others use, too. Runs of a
few minutes only draw their end.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from thesis_loops.monitoring import monitor
from thesis_loops.monitoring.budget import Budget
from thesis_loops.transformer_classifier import train
from thesis_train.config import compose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--size", default="s200k")
    parser.add_argument("--logging", default="default")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("thesis_loops").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        shared = [
            f"+classifier/model_size={arguments.size}",
            f"data.path={Path(folder) / 'events.h5'}",
            f"data.synthetic.n_events={arguments.events}",
            f"classifier.trainer.epochs={arguments.epochs}",
            "classifier.trainer.early_stopping.enabled=false",
            f"logging={arguments.logging}",
            "device=cpu",
        ]
        timed(shared, Path(folder) / "first", with_pictures=True)  # makes events, finds fonts
        extra: dict[str, list[float]] = {"wall": [], "CPU": []}
        for repeat in range(arguments.repeats):
            seconds = {}
            for with_pictures in (False, True) if repeat % 2 else (True, False):
                run_dir = Path(folder) / f"{repeat}_{with_pictures}"
                seconds[with_pictures] = timed(shared, run_dir, with_pictures)
            for clock, values in extra.items():
                values.append(100 * (seconds[True][clock] / seconds[False][clock] - 1))
            drawing = seconds[True]["drawing"]
            print(
                f"without {seconds[False]['wall']:.1f} s, with {seconds[True]['wall']:.1f} s"
                f" ({extra['CPU'][-1]:+.1f}% CPU): {seconds[True]['pictures']:.0f} pictures in"
                f" {drawing:.2f} s, {100 * drawing / seconds[True]['wall']:.2f}% of the run",
                flush=True,
            )
    for clock, values in extra.items():
        print(
            f"{clock:4s} {statistics.median(values):+.1f}%"
            f" ({min(values):+.1f}% to {max(values):+.1f}%)"
        )


def timed(shared: list[str], run_dir: Path, with_pictures: bool) -> dict[str, float]:
    """Seconds of one run, and what its pictures took of them."""
    budgets: list[Budget] = []

    class Seen(Budget):
        def __init__(self, share: float | None, first_guess_s: Mapping[str, float]) -> None:
            super().__init__(share, first_guess_s)
            budgets.append(self)

    monitor.Budget = Seen  # type: ignore[misc]
    switch = f"logging.make_plots={str(with_pictures).lower()}"
    config = compose([*shared, switch, f"run_dir={run_dir}"])
    wall, cpu = time.perf_counter(), time.process_time()
    train(config)
    return {
        "wall": time.perf_counter() - wall,
        "CPU": time.process_time() - cpu,
        "drawing": sum(budget.spent_s for budget in budgets),
        "pictures": sum(len(t) for budget in budgets for t in budget.took_s.values()),
    }


if __name__ == "__main__":
    main()
