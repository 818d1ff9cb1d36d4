"""Delete runs at W&B: what passes the filters is listed first, and only ``--yes`` deletes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.text_table import text_table
from thesis_wandb.filters import Filters, last_heard
from thesis_wandb.library import library_of_command
from thesis_wandb.project import find_project
from thesis_wandb.text import printable

if TYPE_CHECKING:
    from wandb.apis.public import Run


def delete_runs(
    filters: Filters, project_name: str | None, entity: str | None, delete: bool
) -> int:
    """List the runs that pass the filters; delete exactly these if asked to.

    The facts on disk stay, but W&B never takes a run with the name of a deleted one.
    """
    if not filters:
        raise ConfigError(
            "no filter", do="give at least one of --group, --tag, --state, --older-than"
        )
    project = find_project(project_name, entity)
    now = datetime.now(UTC)
    with library_of_command():
        api = project.connect()
        found = [run for run in project.runs(api, filters.query(now)) if filters.holds(run, now)]
        if not found:
            print(f"no run in {project.path} passes these filters")
            return 0
        print(_table(found, now))
        if not delete:
            print(f"\n{len(found)} runs in {project.path}; --yes deletes them")
            print("(W&B takes no run of the same name again: they can't be sent there anew)")
            return 0
        failed = 0
        for run in found:
            try:
                with project.explaining():
                    run.delete()
            except ThesisError as error:
                failed += 1
                print(f"{printable(run.id)}: not deleted: {error}", file=sys.stderr)
            else:
                print(f"{printable(run.id)}: deleted")
        print(f"{len(found) - failed} of {len(found)} runs deleted in {project.path}")
    return 1 if failed else 0


def _table(runs: Sequence[Run], now: datetime) -> str:
    header = ("run", "name", "user", "state", "group", "tags", "last heard of")
    rows = [tuple(printable(cell) if cell else None for cell in _cells(run, now)) for run in runs]
    return text_table(header, rows)


def _cells(run: Run, now: datetime) -> tuple[object, ...]:
    heard = last_heard(run)
    ago = f"{(now - heard).days} days ago" if heard else None
    name = run.name if run.name != run.id else None
    user = run.user.username if run.user else None
    return (run.id, name, user, run.state, run.group, ", ".join(run.tags or ()), ago)
