"""The text of a view of runs, in the lines and columns that a terminal has."""

from __future__ import annotations

import math
import os
import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile

from thesis_facts.events import COMPLETE, CRASHED, INCOMPLETE
from thesis_facts.sweep_text import STOPPED, TO_BEGIN, TO_GO_ON
from thesis_facts.sweeps import MISSING, RUNNING
from thesis_facts.text_table import printable, text_table
from thesis_facts.watch_advice import commands, situation
from thesis_facts.watched_run import SILENT, UNREADABLE, RunView, duration
from thesis_facts.watched_sweeps import View

_STATES = (RUNNING, SILENT, COMPLETE, CRASHED, INCOMPLETE, UNREADABLE, STOPPED, MISSING)
_FAILED = (CRASHED, INCOMPLETE, UNREADABLE)
_WORDS = {MISSING: TO_BEGIN}
_BEST = 5
_LEAST = 3  # lines that failures and the best keep, however many runs are alive
_BAR = 24


def view_text(
    title: str, view: View, width: int | None = None, height: int | None = None
) -> list[str]:
    """Lines that show a view: how far all is, what is alive, what failed, what is best.

    Parameters
    ----------
    title
        What is watched.
    view
        How it is now.
    width, height
        Columns and lines at hand; None where there is no limit. Longer lines are cut, and of the
        tables as much is shown as fits. Commands are whole, for copying: a terminal breaks them.
    """
    names = short_run_names([run.run_dir for run in view.runs])
    head = [_states(title, view), *_overall(view)]
    foot = _foot(view, width, height)
    if width is not None and height is not None:
        height = max(0, height - sum(_rows(line, width) for line in foot))
    sections = [
        _alive(view, names),
        _failures(view, names),
        (TO_GO_ON, _alike(view.of(STOPPED), names, "")),
        _best(view, names),
    ]
    free = None if height is None else max(0, height - len(head))
    lines = [*head, *_fitted(sections, free)][:height]
    return [*(_cut(printable(line), width) for line in lines), *foot]


def short_run_names(run_dirs: Sequence[str]) -> dict[str, str]:
    """Names of runs without what all of them begin with: ``job007``.

    Examples
    --------
    >>> short_run_names(["/runs/run_x_job0", "/runs/run_x_job1"])
    {'/runs/run_x_job0': 'job0', '/runs/run_x_job1': 'job1'}
    """
    words = [os.path.basename(run_dir).split("_") for run_dir in run_dirs]
    # as long as all agree, but for the last word of each
    shared = 0
    if len(words) > 1:
        columns = zip(*(of_run[:-1] for of_run in words), strict=False)
        shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    names = ("_".join(of_run[shared:]) for of_run in words)
    return {
        run_dir: name or os.path.basename(run_dir)
        for run_dir, name in zip(run_dirs, names, strict=True)
    }


def _states(title: str, view: View) -> str:
    counts = [(len(view.of(state)), _WORDS.get(state, state)) for state in _STATES]
    states = ", ".join(f"{number} {state}" for number, state in counts if number)
    plural = "" if len(view.runs) == 1 else "s"
    return f"{title}: {len(view.runs)} run{plural}{', ' if states else ''}{states}"


def _overall(view: View) -> list[str]:
    fraction, left = view.fraction_done, view.left_s
    parts = [] if fraction is None else [f"{_bar(fraction)} {fraction:4.0%} of the epochs"]
    if left is not None:
        parts.append(f"at most {duration(left)} left, until {_clock(left)}")
    speeds = [run.progress.throughput for run in view.of(RUNNING) if run.progress.throughput]
    if speeds:
        parts.append(f"{sum(speeds):,.0f} events/s")
    return [", ".join(parts)] if parts else []


def _bar(fraction: float) -> str:
    full = int(fraction * _BAR)
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def _clock(seconds_from_now: float) -> str:
    now, then = time.localtime(), time.localtime(time.time() + seconds_from_now)
    same_day = now[:3] == then[:3]
    return time.strftime("%H:%M" if same_day else "%a %d %b %H:%M", then)


def _alive(view: View, names: dict[str, str]) -> tuple[str, list[str]]:
    rows = []
    for run in (*view.of(SILENT), *view.of(RUNNING)):  # first what somebody should look at
        progress = run.progress
        speed = None if progress.throughput is None else round(progress.throughput)
        of = "" if run.epochs is None else f"/{run.epochs}"
        left = "-" if run.left_s is None else duration(run.left_s)
        notes = " ".join(filter(None, (run.reason, view.settings.get(run.run_dir))))
        best = (progress.best_loss, progress.best_auroc, _epoch(progress.best_epoch))
        now = (progress.train_loss, progress.val_loss)
        epochs = f"{progress.epochs}{of}"
        rows.append((names[run.run_dir], epochs, left, *now, *best, speed, notes))
    header = ("alive", "epochs", "left", "train", "val", "best val", "AUROC", "in epoch")
    return _table((*header, "events/s", ""), rows)


def _failures(view: View, names: dict[str, str]) -> tuple[str, list[str]]:
    lines = [line for state in _FAILED for line in _alike(view.of(state), names, f"{state}: ")]
    for path, reason in view.passed_over:
        lines.append(f"  {os.path.basename(path)}  passed over: {reason.partition(chr(10))[0]}")
    return "failed", lines


def _alike(runs: Sequence[RunView], names: dict[str, str], state: str) -> list[str]:
    """A line for each reason, the most frequent first; those that differ in numbers are one."""
    alike: dict[str, list[RunView]] = {}
    for run in runs:
        reason = (run.reason or "").partition("\n")[0]
        alike.setdefault(re.sub(r"\d+", "0", reason), []).append(run)
    lines = []
    for of_reason in sorted(alike.values(), key=len, reverse=True):
        reason = (of_reason[0].reason or "").partition("\n")[0]
        lines.append(f"  {_listed([names[run.run_dir] for run in of_reason])}  {state}{reason}")
    return lines


def _best(view: View, names: dict[str, str]) -> tuple[str, list[str]]:
    complete = view.of(COMPLETE)
    has_auroc = any(run.progress.best_auroc is not None for run in complete)

    def worse(run: RunView) -> tuple[bool, float]:
        auroc, loss = run.progress.best_auroc, run.progress.best_loss
        value = None if has_auroc and auroc is None else -auroc if auroc is not None else loss
        return value is None, value or 0.0

    rows = []
    for run in sorted(complete, key=worse)[:_BEST]:
        progress = run.progress
        best = (progress.best_auroc, progress.best_loss, _epoch(progress.best_epoch))
        rows.append((names[run.run_dir], *best, progress.epochs, view.settings.get(run.run_dir)))
    first = f"best of {len(complete)} complete" if len(complete) > 1 else "complete"
    header = (first, "AUROC", "val loss", "in epoch", "epochs", "")
    if not has_auroc:
        header, rows = _without(1, header), [_without(1, row) for row in rows]
    return _table(header, rows)


def _foot(view: View, width: int | None, height: int | None) -> list[str]:
    """Commands, whole as far as half of the terminal holds them, and the situation."""
    said, now = [printable(line) for line in commands(view)], situation(view)
    last = [] if now is None else [printable(now)]
    if width is not None and height is not None:
        last = [_cut(line, width) for line in last]
        said = _whole(said, width, height // 2 - len(last) - 1)
    return ["", *said, *last] if said or last else []


def _whole(lines: Sequence[str], width: int, room: int) -> list[str]:
    """As many lines as there is room for; where it is hardly a terminal, one that is cut."""
    if sum(_rows(line, width) for line in lines) <= room:
        return list(lines)
    if len(lines) == 1:
        return [_cut(line, width) for line in lines[: max(0, room)]]
    shown, free = [], room - 1  # the last line says how many there is no room for
    for line in lines:
        free -= _rows(line, width)
        if free < 0:
            break
        shown.append(line)
    if not shown and room > 1:
        shown = [_cut(lines[0], width)]
    more = f"… and {len(lines) - len(shown)} more sweeps"
    return [*shown, _cut(more, width)] if room > 0 else []


def _fitted(sections: Sequence[tuple[str, list[str]]], free: int | None) -> list[str]:
    """As many lines of each section as fit: first those of the first, but a few of each."""
    sections = [section for section in sections if section[1]]
    if free is not None:
        sections = sections[: free // 3]  # a line between them, a heading, one of its own
    room = sum(len(lines) for _, lines in sections)
    if free is not None:
        room = free - 2 * len(sections)
    least = min(_LEAST, room // max(1, len(sections)))
    sizes = [min(len(lines), least) for _, lines in sections]
    for i, (_, lines) in enumerate(sections):
        sizes[i] += min(len(lines) - sizes[i], room - sum(sizes))
    shown = []
    for (heading, lines), size in zip(sections, sizes, strict=True):
        shown += ["", heading, *lines[:size]]
        if size < len(lines):  # the last line says how many there is no room for
            shown[-1] = f"  … and {len(lines) - size + 1} more"
    return shown


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[str, list[str]]:
    if not rows:
        return "", []
    indented = [(f"  {row[0]}", *row[1:-1], row[-1] or "") for row in rows]
    heading, *lines = text_table(header, indented).split("\n")
    return heading, lines


def _listed(names: Sequence[str]) -> str:
    return (
        ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
    )


def _epoch(index: int | None) -> int | None:
    """Epochs are counted from 1 here, as in the log of a run."""
    return None if index is None else index + 1


def _without(position: int, cells: Iterable[object]) -> tuple:
    return tuple(cell for i, cell in enumerate(cells) if i != position)


def _cut(line: str, width: int | None) -> str:
    if width is None or _columns(line) <= width:
        return line
    line = line[:width]  # no more than this is ever shown, and a reason can be a whole log
    while _columns(line) >= width:
        line = line[:-1]
    return f"{line}…"


def _rows(line: str, width: int) -> int:
    return max(1, math.ceil(_columns(line) / width))


def _columns(text: str) -> int:
    """Columns that a text takes: some characters are wide, and some stand on the one before."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
