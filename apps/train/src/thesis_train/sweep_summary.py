"""What a sweep says at its end: how far it is, what failed and why, how to go on."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from thesis_facts.events import COMPLETE, CRASHED
from thesis_facts.sweeps import MISSING, RUNNING, PointProgress
from thesis_train.summary import command_prefix, next_command, row, shown

FAILED = "failed"
_MOST_LINES = 20


def summarise_sweep(
    sweep_dir: str,
    after: Sequence[PointProgress],
    before: Sequence[PointProgress] = (),
    failures: Mapping[int, str] | None = None,
    *,
    wanted: int | None = None,
    more: Sequence[str] = (),
) -> str:
    """A few lines for the end of a sweep, and two for each job that needs a look.

    Parameters
    ----------
    sweep_dir : str
        Its directory.
    after, before : sequence of PointProgress
        All points now, and when the command began.
    failures : mapping
        Why jobs of this command failed, by their number; facts know most of it.
    wanted : int
        Points that shall be complete, where these are not all.
    more : sequence of str
        Further lines, told before what to type next.
    """
    failures = failures or {}
    counts = Counter(_state(point, failures) for point in after)
    done = counts.pop(COMPLETE, 0)
    now = done - sum(point.state == COMPLETE for point in before)
    parts = [f"{done} complete ({now} now)"]
    parts += [f"{number} {state}" for state, number in sorted(counts.items())]
    sweep = shown(Path(sweep_dir))
    lines = ["", row("sweep", sweep), row("points", f"{len(after)}: {', '.join(parts)}")]
    lines += [*_jobs(after, failures), *more]
    if done:
        lines.append(row("next", next_command("inputs.sweep_dir", sweep)))
    if done < (len(after) if wanted is None else wanted):
        command = shlex.join(["thesis-train", "--continue", sweep])
        lines.append(row("go on", f"{command_prefix()}{command}"))
    return "\n".join(lines)


def has_unfinished(points: Sequence[PointProgress]) -> bool:
    """Whether some points are neither complete nor in the hands of another process."""
    return any(point.state not in (COMPLETE, RUNNING) for point in points)


def _state(progress: PointProgress, failures: Mapping[int, str]) -> str:
    if progress.state in (COMPLETE, RUNNING):
        return "running elsewhere" if progress.state == RUNNING else COMPLETE
    failed = progress.state == CRASHED or progress.point.job in failures
    return FAILED if failed else progress.state


def _jobs(after: Sequence[PointProgress], failures: Mapping[int, str]) -> list[str]:
    lines = []
    told = [p for p in after if _state(p, failures) not in (COMPLETE, MISSING)]
    for progress in told[:_MOST_LINES]:
        state = _state(progress, failures)
        reason = failures.get(progress.point.job) if state == FAILED else None
        detail = reason or progress.detail
        text = f"{state}: {detail}" if detail else state
        lines.append(row(f"job {progress.point.job}", text.replace("\n", "\n" + " " * 13)))
        lines.append(row("", shown(Path(progress.point.run_dir))))
    if len(told) > _MOST_LINES:
        lines.append(row("", f"and {len(told) - _MOST_LINES} more"))
    return lines
