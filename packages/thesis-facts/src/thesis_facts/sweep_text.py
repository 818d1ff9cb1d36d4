"""How far a sweep is, in a few lines however many points it has."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from thesis_facts.events import COMPLETE
from thesis_facts.sweeps import MISSING, RUNNING, PointProgress


def progress_text(sweep: str, points: Sequence[PointProgress]) -> str:
    """Number of points in each state, then jobs that are not complete, those alike in one line."""
    counts = Counter(point.state for point in points)
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    lines = [f"{sweep}: {len(points)} points, {states}"]
    alike: dict[str, list[int]] = {}
    for point in points:
        if point.state != COMPLETE:
            reason = (point.detail or "").partition("\n")[0]
            text = f"{point.state}: {reason}" if reason else point.state
            alike.setdefault(text, []).append(point.point.job)
    lines += [f"  {job_numbers(jobs)}  {text}" for text, jobs in alike.items()]
    if set(counts) - {COMPLETE, RUNNING}:
        lines.append(f"  to go on: {shlex.join(['thesis-train', '--continue', sweep])}")
    return "\n".join(lines)


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
