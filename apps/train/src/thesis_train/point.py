"""One point of a planned sweep, in this process; others may run theirs on other machines."""

import sys

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig

from thesis_facts.errors import ConfigError
from thesis_facts.events import COMPLETE
from thesis_facts.sweeps import Point, SweepPlan, point_progress
from thesis_train.launching import failure_of, failure_to_compose, launch, opened_launcher


def find_point(plan: SweepPlan, sweep_dir: str, job: str) -> Point:
    """The point with that number.

    Raises
    ------
    ConfigError
        There is none, or this sweep keeps no list of its points.
    """
    if plan.points is None:
        raise ConfigError(
            "the points of this sweep are not known beforehand",
            key="--job",
            found=job,
            do=f"go on with all of it by thesis-train --continue {sweep_dir}",
        )
    found = [point for point in plan.points if str(point.job) == job]
    if not found:
        raise ConfigError(
            "no such point of the sweep",
            key="--job",
            found=job,
            expected=f"a number from 0 to {len(plan.points) - 1}",
        )
    return found[0]


def run_point(hydra: Hydra, config: DictConfig, point: Point) -> None:
    """Run a point to its end, from its checkpoint if it has one; nothing if it is complete.

    Only the lock of the run is taken. Exit codes are those of a run: 85 where a signal stopped
    it, 1 where it failed.
    """
    if point_progress(point).state == COMPLETE:
        print(f"job {point.job} is complete: {point.run_dir}")
        return
    reason = failure_to_compose(hydra, config, point)
    if reason is not None:
        sys.exit(reason)
    with opened_launcher(hydra, config) as launcher:
        returned = [failure_of(job) for _, job in launch(launcher, [point], point.job)]
    if returned != [None]:  # the reason has been said
        sys.exit(1)
