#!/usr/bin/env python
"""Submit the points of a planned sweep, so many at a time.

HTCondor keeps the list and starts the next job when one ends (late materialisation), so this
command ends at once, and nothing is lost if it is killed. Given again it submits what is not
complete, and nothing while jobs of the sweep are in the queue.

    submit_queue.py SWEEP_DIR --at-once 4              submit
    submit_queue.py SWEEP_DIR --at-once 4 gpus=0       what follows is for condor_submit
    submit_queue.py SWEEP_DIR --dry-run                say what would be submitted
    submit_queue.py SWEEP_DIR --status                 how far it is
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

try:
    from thesis_facts import sweep_progress
    from thesis_facts.errors import RunError, ThesisError
    from thesis_facts.events import COMPLETE
    from thesis_facts.sweeps import read_plan
except ImportError:  # the Python of the machine
    sys.exit("this shell has no session: source hpc/stoomboot/init_session.sh")

SUBMIT_FILE = Path(__file__).resolve().with_name("sweep.sub")

BEING_REMOVED = "being removed"  # a training that runs is given time to save
# What HTCondor's numbers for the state of a job mean.
JOB_STATES = {
    "1": "idle",
    "2": "running",
    "3": BEING_REMOVED,
    "4": "completed",
    "5": "held",
    "6": "transferring output",
    "7": "suspended",
}
BETWEEN_JOBS = "list that makes its next job later"


def main() -> int:
    """Do what the command line says; a mistake ends with one message and exit code 1."""
    options, for_condor = _parser().parse_known_args()
    try:
        sweep = _planned(options.sweep)
        if options.list:
            if options.sweep != sweep:  # by it the jobs of a sweep are known
                raise RunError(
                    "a sweep is submitted by its full path",
                    key="sweep",
                    found=options.sweep,
                    expected=sweep,
                )
            for job in unfinished(sweep):
                print(job)
        elif options.status:
            print(status(sweep))
        else:
            submit(sweep, options.at_once, for_condor, dry_run=options.dry_run)
    except ThesisError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{shlex.join(error.cmd)} failed", file=sys.stderr)
        return 1
    return 0


def unfinished(sweep: str) -> list[int]:
    """Numbers of the points that are not complete."""
    return [p.point.job for p in sweep_progress(sweep) if p.state != COMPLETE]


def in_queue(sweep: str) -> list[tuple[str, str]]:
    """Cluster and state of each job of a sweep that HTCondor has now.

    Jobs that it keeps back are not among them. Where it has none, since the next is not made yet,
    their list stands for them.
    """
    which = ["-constraint", f'ThesisSweep == "{sweep}"', "-af", "ClusterId"]
    lists = _run(["condor_q", "-factory", *which]).split()  # first: jobs are made of them
    pairs = [line.split() for line in _run(["condor_q", *which, "JobStatus"]).splitlines()]
    jobs = [(cluster, JOB_STATES.get(number, number)) for cluster, number in pairs]
    without = set(lists) - {cluster for cluster, _ in jobs}
    return jobs + [(cluster, BETWEEN_JOBS) for cluster in sorted(without)]


def submit(sweep: str, at_once: int | None, words: list[str], dry_run: bool) -> None:
    """Submit what is not complete, unless jobs of this sweep are in the queue."""
    jobs = unfinished(sweep)
    if not jobs:
        print(f"all points of {sweep} are complete")
        return
    queued = in_queue(sweep)
    if queued:
        states = [state for _, state in queued]
        clusters = " ".join(sorted({cluster for cluster, _ in queued}))
        raise RunError(
            f"{sweep} is in the queue already",
            found=_counts(states),
            do="wait for them to save"
            if set(states) == {BEING_REMOVED}
            else f"wait, or remove them by condor_rm {clusters}",
        )
    throttle = [] if at_once is None else [f"at_once={at_once}"]
    command = ["condor_submit", *words, *throttle, f"sweep={sweep}", str(SUBMIT_FILE)]
    if dry_run:
        print(shlex.join(command))
        print(f"{len(jobs)} jobs: {', '.join(map(str, jobs))}")
        return
    print(_run(command), end="")


def status(sweep: str) -> str:
    """How many points are complete, running, …, and what HTCondor says of their jobs."""
    points = _counts(progress.state for progress in sweep_progress(sweep))
    jobs = _counts(state for _, state in in_queue(sweep))
    return f"points  {points}\nqueue   {jobs or 'no jobs'}"


def _planned(given: str) -> str:
    sweep = os.path.realpath(given)
    plan = read_plan(sweep)
    if plan is None or plan.points is None:
        raise RunError(
            "no planned sweep", key=given, expected="a directory that thesis-train --plan made"
        )
    if "env=stoomboot" not in plan.task:  # with the default it would train on toy events
        raise RunError(
            "this sweep was not planned for Stoomboot", key=given, do="plan it with env=stoomboot"
        )
    return sweep


def _counts(states: Iterable[str]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(Counter(states).items()))


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError as error:
        raise RunError(
            f"there is no {command[0]} here", do="log in to a machine of the cluster"
        ) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, but expected a number of at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", metavar="SWEEP_DIR", help="made by thesis-train --plan")
    parser.add_argument("--at-once", type=_positive, metavar="N", help="jobs at a time")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="say what would be submitted")
    what.add_argument("--status", action="store_true", help="say how far the sweep is")
    what.add_argument("--list", action="store_true", help="numbers of points not complete")
    return parser


if __name__ == "__main__":
    sys.exit(main())
