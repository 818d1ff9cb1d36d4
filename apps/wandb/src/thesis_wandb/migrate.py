"""Bring W&B up to what the facts of runs say, as often as one likes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thesis_facts.discovery import find_runs
from thesis_facts.errors import RunError, ThesisError
from thesis_facts.events import read_outline
from thesis_facts.locks import lock_holder
from thesis_loops.tracking.content import rows_of, wandb_id
from thesis_loops.tracking.failures import ProjectRefusedError
from thesis_wandb.library import library_of_command
from thesis_wandb.project import Project, find_project
from thesis_wandb.sending import project_of, same_name, send_facts, settings_of
from thesis_wandb.text import printable

if TYPE_CHECKING:
    import wandb


@dataclass(frozen=True)
class Migration:
    """A run that can be sent: where its facts are, and where it goes."""

    run_dir: Path
    run_id: str
    project: Project


def migrate_runs(
    places: Sequence[str], project_name: str | None, entity: str | None, dry_run: bool = False
) -> int:
    """Send runs, sweeps, folders of runs; what is there already is only brought up to date.

    A run that can't be read is passed over with its reason, one that is still running is left to
    its own mirror; the others go on. 1 if any could not be sent.
    """
    found = find_runs(list(places))
    project = find_project(project_name, entity, needs_key=not dry_run)
    ready: dict[str, Migration] = {}
    broken = dict(found.skipped)
    n_running = 0
    for run_dir in map(Path, found.run_dirs):
        problem = _problem(run_dir, ready)
        if problem:
            broken[str(run_dir)] = problem
        elif lock_holder(run_dir) is not None:
            n_running += 1
            print(f"skipped {printable(run_dir)}: still running", file=sys.stderr)
        else:
            run_id = wandb_id(run_dir)
            ready[run_id] = Migration(run_dir, run_id, project_of(run_dir, project))
    for path, reason in broken.items():
        print(f"skipped {printable(path)}: {printable(reason)}", file=sys.stderr)
    with library_of_command() as folder:
        runs = list(ready.values())
        if dry_run:
            failed = _preview(runs, _reached(project), folder)
        else:
            project.connect()
            failed = _send(runs, project, folder)
    n_all = len(ready) + len(broken) + n_running
    verb = "would be sent" if dry_run else "are at W&B"
    where = ", ".join(sorted({run.project.path for run in runs})) or project.path
    print(f"{len(ready) - failed} of {n_all} runs {verb}: {where}")
    return 1 if failed or broken else 0


def _problem(run_dir: Path, others: Mapping[str, Migration]) -> str | None:
    """Why a run can't be sent."""
    try:
        read_outline(run_dir)
    except RunError as error:
        return str(error)
    twin = others.get(wandb_id(run_dir))
    return same_name(twin.run_dir) if twin else None


def _reached(project: Project) -> wandb.Api | None:
    """W&B, to compare with; None where it can't be asked, which is no reason not to look."""
    try:
        return project.connect()
    except ThesisError as error:
        print(f"not compared with W&B: {printable(error)}", file=sys.stderr)
        return None


def _preview(runs: Sequence[Migration], api: wandb.Api | None, folder: Path) -> int:
    """How many could not be sent."""
    failed = 0
    for project in dict.fromkeys(run.project for run in runs):
        own = [run for run in runs if run.project == project]
        there = {} if api is None else project.rows_there(api, [run.run_id for run in own])
        for run in own:
            try:
                settings = settings_of(run.run_dir, project, folder)
            except ThesisError as error:
                failed += 1
                print(f"{printable(run.run_id)}: {printable(error)}", file=sys.stderr)
                continue
            n_rows = len(rows_of(run.run_dir, settings.log_freq))
            known = there.get(run.run_id)
            state = "new" if known is None else f"there with {known} rows"
            print(f"{printable(run.run_id)}: {n_rows} rows{'' if api is None else f', {state}'}")
    return failed


def _send(runs: Sequence[Migration], project: Project, folder: Path) -> int:
    """How many could not be sent."""
    failed = 0
    took: set[Project] = set()  # which took a run: that it refuses another says nothing of more
    untried: dict[Project, int] = {}  # of projects that refused their first
    for number, run in enumerate(runs):
        if run.project in untried:
            untried[run.project] += 1
            continue
        try:
            outcome = send_facts(run.run_dir, run.project, folder)
        except ThesisError as error:
            failed += 1
            print(f"{printable(run.run_id)}: {printable(error)}", file=sys.stderr)
            if not project.answers():
                left = len(runs) - number - 1
                print(f"W&B takes nothing now: {left} more not tried", file=sys.stderr)
                failed += left
                break
            if isinstance(error, ProjectRefusedError) and run.project not in took:
                untried[run.project] = 0
        else:
            took.add(run.project)
            sent = f"{outcome.n_rows} rows sent" if outcome.n_rows else "up to date"
            print(f"{printable(run.run_id)}: {sent}, {outcome.status}", flush=True)
    for refused, n_runs in untried.items():
        if n_runs:
            print(f"{refused.path} is refused: {n_runs} more not tried", file=sys.stderr)
    return failed + sum(untried.values())
