"""How far sweeps are: points that were planned against runs that finished."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

import pandas as pd

from thesis_facts import read_plan
from thesis_facts.discovery import find_pointers
from thesis_facts.errors import ThesisError
from thesis_reports.page.content import Column, Table


@dataclass(frozen=True)
class SweepState:
    """A sweep, and what became of its points.

    Attributes
    ----------
    path, name
        Its directory, and the last part of it.
    n_planned
        Points that it has, or None where it never said: a sampler chose them one by one.
    states
        Number of points by status of their runs; ``missing`` have no run that can be read.
    missing
        Overrides of the points without one.
    """

    path: str
    name: str
    n_planned: int | None
    states: dict[str, int]
    missing: list[str]

    @property
    def n_finished(self) -> int:
        """Points whose run is complete."""
        return self.states.get("complete", 0)

    @property
    def is_complete(self) -> bool:
        """Whether all points that were planned have finished, as far as that is known."""
        n_points = sum(self.states.values()) if self.n_planned is None else self.n_planned
        return self.n_finished == n_points


def sweeps_table(states: Sequence[SweepState]) -> Table:
    """Planned points of each sweep beside what became of them."""
    columns = [
        Column("sweep", [state.name for state in states], hints=[state.path for state in states]),
        Column("planned", [state.n_planned for state in states], lambda n: f"{int(n):,}"),
    ]
    columns += [
        Column(name, [state.states.get(name, 0) for state in states], lambda n: f"{int(n):,}")
        for name in ("complete", "crashed", "incomplete", "missing")
    ]
    caption = "Points that are missing have no run that can be read. "
    caption += "thesis-train resumes a sweep with what is not complete."
    return Table("Sweeps", columns, caption)


def missing_points(states: Sequence[SweepState]) -> list[tuple[str, str]]:
    """(sweep, overrides) of each planned point without a run that can be read."""
    return [(state.name, overrides) for state in states for overrides in state.missing]


def sweep_states(
    sweeps: Sequence[str], runs: pd.DataFrame, known: Container[str] | None = None
) -> tuple[list[SweepState], dict[str, str], list[tuple[str, str]]]:
    """State of each sweep, the names of the sweeps of each run directory, and plans that are torn.

    Parameters
    ----------
    sweeps
        Directories or patterns; those that are no sweeps (folders of runs) are left out.
    runs
        Table of all runs that could be read.
    known
        Of a sweep without a plan, the run directories that are taken for its points; None: all.
    """
    status = dict(zip(runs["run_dir"], runs["status"], strict=True)) if len(runs) else {}
    states: list[SweepState] = []
    of_run: dict[str, str] = {}
    torn: list[tuple[str, str]] = []
    for path in _directories(sweeps):
        points, n_planned, problem = _points(path)
        if problem:
            torn.append((os.path.join(path, "sweep.json"), problem))
        if n_planned is None and known is not None:
            points = [(run_dir, overrides) for run_dir, overrides in points if run_dir in known]
        if not points and n_planned is None:
            continue
        name = os.path.basename(path)
        for run_dir, _ in points:
            of_run[run_dir] = f"{of_run[run_dir]}, {name}" if run_dir in of_run else name
        counts = Counter(status.get(run_dir, "missing") for run_dir, _ in points)
        missing = [overrides for run_dir, overrides in points if run_dir not in status]
        states.append(SweepState(path, name, n_planned, dict(counts), missing))
    return states, of_run, torn


def _points(sweep: str) -> tuple[list[tuple[str, str]], int | None, str]:
    """(run directory, overrides) of each point, how many were planned, why the plan is unknown."""
    plan, problem = None, ""
    try:
        plan = read_plan(sweep)
    except ThesisError as error:  # the runs themselves can be read all the same
        problem = str(error)
    if plan is not None and plan.points is not None:
        points = [(point.run_dir, " ".join(point.overrides)) for point in plan.points]
        return points, len(points), problem
    pointers = find_pointers(sweep)
    return [(run_dir, " ".join(overrides)) for _, run_dir, overrides in pointers], None, problem


def _directories(patterns: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        path = os.path.expanduser(pattern)
        matches = [path] if os.path.lexists(path) else sorted(glob.glob(path))
        found |= {os.path.realpath(match): None for match in matches if os.path.isdir(match)}
    return list(found)
