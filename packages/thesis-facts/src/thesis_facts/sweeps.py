"""A sweep knows all its points from the beginning: ``sweep.json``, written before the first job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thesis_facts.discovery import find_pointers, inside_output_root
from thesis_facts.durable import StrPath, write_json
from thesis_facts.errors import RunError
from thesis_facts.events import INCOMPLETE, events_file, read_outline
from thesis_facts.json_objects import read_object
from thesis_facts.locks import lock_holder

MISSING, RUNNING = "missing", "running"  # beside the states of a run: complete, crashed, incomplete

_FILE = "sweep.json"
_SLURM = "hydra/launcher=submitit_slurm"


@dataclass(frozen=True)
class Point:
    """One job of a sweep.

    Attributes
    ----------
    job
        Its number.
    run_dir
        Its directory, absolute.
    overrides
        All of its overrides.
    """

    job: int
    run_dir: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep was asked to do.

    Attributes
    ----------
    cwd
        Folder where the command was typed; relative paths in overrides start there.
    flags
        Flags of the command that matter, such as ``--config-dir=…``.
    task, hydra
        Overrides of the command, those of jobs and those of Hydra.
    points
        In the order of jobs; None where a sweeper chooses them one after another.
    point_by_point
        Whether jobs run its points one by one, wherever there is room; older files don't tell.
    """

    cwd: str
    flags: tuple[str, ...]
    task: tuple[str, ...]
    hydra: tuple[str, ...]
    points: tuple[Point, ...] | None
    point_by_point: bool = False

    @property
    def may_wait(self) -> bool:
        """Whether a point that does not run may be a job in a queue, which goes on by itself."""
        return self.point_by_point or _SLURM in (word.lstrip("+") for word in self.hydra)


@dataclass(frozen=True)
class PointProgress:
    """How far a point is.

    Attributes
    ----------
    state
        missing (it never began), running (a process holds its directory), incomplete, crashed
        or complete.
    detail
        Why it crashed, which process runs it, or how far it came.
    """

    point: Point
    state: str
    detail: str | None = None


def write_plan(sweep_dir: StrPath, plan: SweepPlan) -> Path:
    """Write ``sweep.json``, atomically; run directories are stored relative to the sweep."""
    sweep = os.path.realpath(sweep_dir)
    points = None
    if plan.points is not None:
        points = [
            {
                "job": point.job,
                "run_dir": os.path.relpath(os.path.realpath(point.run_dir), sweep),
                "overrides": point.overrides,
            }
            for point in plan.points
        ]
    content = {
        "cwd": plan.cwd,
        "flags": plan.flags,
        "overrides": {"task": plan.task, "hydra": plan.hydra},
        "points": points,
        "point_by_point": plan.point_by_point,
    }
    return write_json(Path(sweep) / _FILE, content)


def read_plan(sweep_dir: StrPath) -> SweepPlan | None:
    """Plan of a sweep; None where there is none (an older sweep, or no sweep at all).

    Raises
    ------
    RunError
        The file can't be read, or a run directory is outside the output root of the sweep.
    """
    sweep = os.path.realpath(sweep_dir)
    path = os.path.join(sweep, _FILE)
    content = read_object(path)
    if content is None:
        return None
    try:
        points = content["points"]
        return SweepPlan(
            cwd=str(content["cwd"]),
            flags=_words(content["flags"]),
            task=_words(content["overrides"]["task"]),
            hydra=_words(content["overrides"]["hydra"]),
            points=None if points is None else tuple(_point(sweep, point) for point in points),
            point_by_point=content.get("point_by_point") is True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"can't read {path}", found=str(error), expected="the plan of a sweep"
        ) from error


def sweep_progress(sweep_dir: StrPath) -> list[PointProgress]:
    """State of each point of a sweep, in the order of jobs.

    A sweep without a list of points has those that its pointer files name.

    Raises
    ------
    RunError
        The plan can't be read.
    """
    plan = read_plan(sweep_dir)
    points = plan.points if plan is not None else None
    if points is None:
        points = [
            Point(job, run_dir, tuple(overrides))
            for job, run_dir, overrides in find_pointers(sweep_dir)
        ]
    return [point_progress(point) for point in points]


def point_progress(point: Point) -> PointProgress:
    """State of one point now."""
    holder = lock_holder(point.run_dir)
    if holder is not None:
        return PointProgress(point, RUNNING, holder)
    if not os.path.exists(events_file(point.run_dir)):
        begun = os.path.isdir(os.path.join(point.run_dir, "facts"))
        if begun:
            return PointProgress(point, INCOMPLETE, "ended before it left an event")
        return PointProgress(point, MISSING, "never began")
    try:
        outline = read_outline(point.run_dir)
    except RunError as error:
        return PointProgress(point, INCOMPLETE, str(error))
    epoch = outline.last.get("epoch")
    done = how_far(0 if epoch is None else epoch + 1)
    return PointProgress(
        point, outline.status, done if outline.status == INCOMPLETE else outline.error
    )


def how_far(done: int, epochs: int | None = None) -> str:
    """How far a run came that is not complete: epochs that are done, of all where that is known.

    Examples
    --------
    >>> how_far(2), how_far(1), how_far(2, 30), how_far(0, 30)  # doctest: +NORMALIZE_WHITESPACE
    ('ended after 2 epochs', 'ended after 1 epoch', 'ended after 2 of 30 epochs',
     'ended before its first epoch did')
    """
    if not done:
        return "ended before its first epoch did"
    if epochs:
        return f"ended after {done} of {epochs} epochs"
    return f"ended after {done} epoch{'' if done == 1 else 's'}"


def _point(sweep: str, content: dict[str, Any]) -> Point:
    run_dir = os.path.realpath(os.path.join(sweep, str(content["run_dir"])))
    if not inside_output_root(run_dir, sweep):
        raise RunError("a point of the sweep is outside its output root", found=run_dir)
    return Point(int(content["job"]), run_dir, _words(content["overrides"]))


def _words(values: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{values!r} is no list")
    return tuple(str(value) for value in values)
