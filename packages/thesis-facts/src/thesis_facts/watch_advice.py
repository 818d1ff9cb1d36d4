"""What to do next about the sweeps that are watched, for the foot of the text."""

from __future__ import annotations

import os
import shlex

from thesis_facts.events import COMPLETE
from thesis_facts.sweep_text import STOPPED, go_on_text
from thesis_facts.sweeps import MISSING, RUNNING
from thesis_facts.watched_run import SILENT
from thesis_facts.watched_sweeps import SweepView, View


def commands(view: View) -> list[str]:
    """Of each sweep the command that is next, where there is one."""
    return [line for sweep in view.sweeps if (line := _command(sweep, view)) is not None]


def situation(view: View) -> str | None:
    """Whether anything is alive, where the runs don't say it themselves."""
    if view.is_over:
        return "nothing is left to happen here"
    if view.empty:
        names = ", ".join(os.path.basename(os.path.normpath(place)) for place in view.empty)
        return f"no runs yet in {names}"
    if not view.runs:
        return "no runs yet"
    if view.of(RUNNING, SILENT):
        return None
    is_here = any(sweep.holder is not None and not sweep.holder.elsewhere for sweep in view.sweeps)
    return "no run is alive, but the command of the sweep is" if is_here else "no run is alive"


def _command(sweep: SweepView, view: View) -> str | None:
    unfinished = view.unfinished_of(sweep)
    if not unfinished:
        is_done = all(run.state == COMPLETE for run in view.points_of(sweep))
        words = ["thesis-report", f"inputs.sweep_dir={sweep.path}"]
        return f"report: {shlex.join(words)}" if is_done and sweep.run_dirs else None
    if sweep.holder is None:
        return go_on_text(sweep.path, view.waits(sweep))
    command = shlex.join(["thesis-train", "--continue", sweep.path])
    if sweep.holder.elsewhere is not None:
        return f"held by {sweep.holder.name}; if that is gone: {command}"
    failed = any(run.state not in (MISSING, STOPPED) for run in unfinished)
    return f"once it has ended, to go on with what failed: {command}" if failed else None
