"""How far a sweep is, in a few lines however many points it has."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from thesis_facts.events import COMPLETE, INCOMPLETE
from thesis_facts.sweeps import MISSING, RUNNING, PointProgress

TO_BEGIN, STOPPED, TO_GO_ON = "to begin", "stopped", "stopped, to go on"
"""Points that a queue may hold: none of them failed."""


def progress_text(sweep: str, points: Sequence[PointProgress], may_wait: bool = False) -> str:
    """Number of points in each state, then jobs that are not complete, those alike in one line.

    Parameters
    ----------
    may_wait
        Whether points that don't run may wait in a queue, as the plan of the sweep says.
    """
    short = {MISSING: TO_BEGIN, INCOMPLETE: STOPPED} if may_wait else {}
    long = {INCOMPLETE: TO_GO_ON} if may_wait else {}
    counts = Counter(short.get(point.state, point.state) for point in points)
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    lines = [f"{sweep}: {len(points)} points, {states}"]
    alike: dict[str, list[int]] = {}
    for point in points:
        if may_wait and point.state == MISSING:
            alike.setdefault(TO_BEGIN, []).append(point.point.job)
        elif point.state != COMPLETE:
            reason = (point.detail or "").partition("\n")[0]
            state = long.get(point.state, point.state)
            text = f"{state}: {reason}" if reason else state
            alike.setdefault(text, []).append(point.point.job)
    lines += [f"  {job_numbers(jobs)}  {text}" for text, jobs in alike.items()]
    if set(counts) - {COMPLETE, RUNNING}:
        lines.append(f"  {go_on_text(sweep, waits=not counts.keys().isdisjoint(short.values()))}")
    return "\n".join(lines)


def go_on_text(sweep: str, waits: bool) -> str:
    """The command that goes on with a sweep, and when to give it."""
    command = shlex.join(["thesis-train", "--continue", sweep])
    if waits:  # whether there are any, only the queue knows
        return (
            "jobs in a queue begin and go on by themselves; if there are none, submit the rest "
            f"again, or run it here: {command}"
        )
    return f"to go on: {command}"


def missing_text(points: Iterable[PointProgress]) -> str | None:
    """Which points never began; None where all did."""
    jobs = [point.point.job for point in points if point.state == MISSING]
    return f"never began: {job_numbers(jobs)}" if jobs else None


def job_numbers(jobs: Sequence[int]) -> str:
    """Ascending numbers in words: ``job 3``, ``jobs 1, 4-7``."""
    stretches: list[list[int]] = []
    for job in jobs:
        if stretches and job == stretches[-1][-1] + 1:
            stretches[-1] = [stretches[-1][0], job]
        else:
            stretches.append([job])
    numbers = ", ".join("-".join(map(str, stretch)) for stretch in stretches)
    return f"job{'s' if len(jobs) > 1 else ''} {numbers}"
