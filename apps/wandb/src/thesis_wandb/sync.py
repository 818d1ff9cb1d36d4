"""Send runs that were recorded offline, each once and whole, and mark them as done.

From the facts of the run, where its files lie in its directory: W&B gets the rows that it lacks,
however often an earlier try was interrupted. Where there are no facts the library's own files are
sent. It adds all of their rows to those that a run has, so a run that is there already is refused,
and so are files without an end, which may still grow.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thesis_facts.errors import RunError, ThesisError
from thesis_facts.locks import lock_holder
from thesis_wandb.library import library_of_command
from thesis_wandb.offline_log import copy_whole, has_end, n_rows_in, read_run
from thesis_wandb.offline_runs import OfflineRun, find_offline_runs
from thesis_wandb.project import Project, find_project
from thesis_wandb.sending import project_of, same_name, send_facts, with_patience
from thesis_wandb.text import printable
from thesis_wandb.upload import upload

if TYPE_CHECKING:
    import wandb


def sync_offline(
    places: Sequence[str], project_name: str | None, entity: str | None, killed: bool = False
) -> int:
    """Send what is not marked as done; 1 if anything is left.

    `killed` also sends files of the library without an end.
    """
    found = find_offline_runs(places)
    first: dict[str, OfflineRun] = {}  # of each name
    for run in found:
        first.setdefault(run.run_id, run)
    waiting = [run for run in found if not run.is_done]
    where = ", ".join(map(printable, places))
    if not waiting:
        known = f"{len(found)} offline runs, all sent before" if found else "no offline runs"
        print(f"nothing to send below {where}: {known}")
        return 0
    project = find_project(project_name, entity)
    n_sent = 0
    with library_of_command() as folder:
        api = project.connect()
        for number, run in enumerate(waiting):
            name = printable(run.run_id)
            try:
                if run is not first[run.run_id]:
                    raise RunError(f"{run.home} {same_name(first[run.run_id].home)}")
                print(f"{name}: {_send(run, project, api, folder, killed)}", flush=True)
                n_sent += 1
            except ThesisError as error:
                print(f"{name}: {printable(error)}", file=sys.stderr)
                if not project.answers():
                    left = len(waiting) - number - 1
                    print(f"W&B takes nothing now: {left} more not tried", file=sys.stderr)
                    break
    before = len(found) - len(waiting)
    more = f", {before} were sent before" if before else ""
    print(f"{n_sent} of {len(waiting)} offline runs sent{more}")
    return 0 if n_sent == len(waiting) else 1


def _send(run: OfflineRun, project: Project, api: wandb.Api, folder: Path, killed: bool) -> str:
    """Send and mark one run; what was done, in words."""
    if run.run_dir is not None:
        if lock_holder(run.run_dir) is not None:
            raise RunError("still running", do="sync it when it has ended")
        target = project_of(run.run_dir, project)
        outcome = send_facts(run.run_dir, target, folder)
        n_rows = outcome.n_rows
    else:
        newest = run.files[-1]
        told = read_run(newest)
        if not killed and not has_end(newest):
            raise RunError(
                "still running, or killed",
                key=str(newest),
                do="sync it when it has ended; of one that was killed migrate the run directory, "
                "or give --killed",
            )
        target = project.unless_named(told.project, told.entity or None)
        n_rows = with_patience(lambda: _upload_once(run, target, api, folder))
    run.mark()
    return f"{n_rows} rows sent to {target.path}" if n_rows else f"up to date in {target.path}"


def _upload_once(run: OfflineRun, target: Project, api: wandb.Api, folder: Path) -> int:
    """Rows that were sent: all, or none where all are there."""
    newest = run.files[-1]
    n_rows, there = n_rows_in(newest), target.rows_there(api, [run.run_id]).get(run.run_id, 0)
    if there >= n_rows > 0:
        return 0
    if there:
        raise RunError(
            f"{there} of its {n_rows} rows are in {target.path} already and would be there twice",
            do="migrate its run directory, or sync it to another --project",
        )
    upload(newest if has_end(newest) else copy_whole(newest, folder), target, folder)
    return n_rows
