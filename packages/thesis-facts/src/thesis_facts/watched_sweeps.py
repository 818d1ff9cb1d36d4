"""What is watched: sweeps with all their points, folders of runs, single runs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from glob import escape, glob, has_magic

from thesis_facts.discovery import look_for_runs
from thesis_facts.errors import RunError
from thesis_facts.events import COMPLETE, INCOMPLETE
from thesis_facts.overrides import parse_overrides, short_names
from thesis_facts.sweep_text import STOPPED
from thesis_facts.sweeps import MISSING, RUNNING, SweepPlan, read_plan
from thesis_facts.watched_lock import FileState, Holder, WatchedLock, file_state
from thesis_facts.watched_run import SILENT, RunView, WatchedRun

_Overrides = tuple[str, ...]


@dataclass(frozen=True)
class SweepView:
    """A sweep with a plan.

    Attributes
    ----------
    holder
        Its command, while that runs.
    may_wait
        Whether points that don't run may wait in a queue.
    run_dirs
        Its points.
    """

    path: str
    holder: Holder | None
    may_wait: bool
    run_dirs: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """All that is watched, as it is now.

    Attributes
    ----------
    runs
        In order; of a sweep with a plan also the points that never began.
    settings
        Of each run, what sets it apart from the others, where a sweep tells.
    sweeps
        Sweeps with a plan.
    passed_over
        What is no run, or can't be followed, and why.
    empty
        Folders in which there is no run yet.
    """

    runs: list[RunView]
    settings: dict[str, str]
    sweeps: list[SweepView]
    passed_over: list[tuple[str, str]]
    empty: list[str] = field(default_factory=list)

    def of(self, *states: str) -> list[RunView]:
        """The runs in some states."""
        return [run for run in self.runs if run.state in states]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to happen, as far as anyone can tell from here."""
        if not self.runs or self.of(RUNNING, SILENT):
            return False
        return not any(self.is_held(sweep) or self.waits(sweep) for sweep in self.sweeps)

    def is_held(self, sweep: SweepView) -> bool:
        """Whether the command of a sweep is alive, and may be between two jobs.

        One of another machine may be gone without a trace: it counts while it has work.
        """
        holder = sweep.holder
        return holder is not None and (holder.elsewhere is None or bool(self.unfinished_of(sweep)))

    def waits(self, sweep: SweepView) -> bool:
        """Whether points of a sweep may be jobs in a queue."""
        waiting = (MISSING, STOPPED)
        return sweep.may_wait and any(r.state in waiting for r in self.unfinished_of(sweep))

    def unfinished_of(self, sweep: SweepView) -> list[RunView]:
        """Points of a sweep that neither are complete nor run."""
        done = (COMPLETE, RUNNING, SILENT)
        return [run for run in self.points_of(sweep) if run.state not in done]

    def points_of(self, sweep: SweepView) -> list[RunView]:
        """All points of a sweep."""
        return [self._by_directory[run_dir] for run_dir in sweep.run_dirs]

    @cached_property
    def _by_directory(self) -> dict[str, RunView]:
        return {run.run_dir: run for run in self.runs}

    @property
    def fraction_done(self) -> float | None:
        """Epochs that are done among all; None where nobody knows how many there will be."""
        known = [run.epochs for run in self.runs if run.epochs is not None]
        typical = statistics.median(known) if known else None
        done = total = 0.0
        for run in self.runs:
            epochs = run.progress.epochs if run.state == COMPLETE else run.epochs or typical
            if epochs is None:
                return None
            done += min(run.progress.epochs, epochs)
            total += epochs
        return done / total if total else None

    @property
    def left_s(self) -> float | None:
        """Time until all points are done (s), if as many run at once as now; None if unknown.

        It is a bound: early stopping may end a run before. What failed is not counted.
        """
        running = self.of(RUNNING)
        lefts = [run.left_s for run in running if run.left_s is not None]
        if not lefts:
            return None
        typical = statistics.median(
            run.epochs * run.progress.epoch_time_s
            for run in self.runs
            if run.epochs and run.progress.epoch_time_s is not None
        )
        of_begun = sum(lefts) + (len(running) - len(lefts)) * typical
        to_begin = float(len(self.of(MISSING)))
        for run in self.of(STOPPED):
            to_begin += max(0.0, 1 - run.progress.epochs / run.epochs) if run.epochs else 1
        work = of_begun + to_begin * typical
        return max(*lefts, work / len(running))


class Watched:
    """Follow sweeps, folders of runs and runs.

    Parameters
    ----------
    places
        Directories; wildcards are expanded, each time anew.

    Raises
    ------
    RunError
        If there is no such directory.
    """

    def __init__(self, places: Iterable[str]) -> None:
        self.places = [os.path.expanduser(place) for place in places]
        for place in self.places:
            if not os.path.isdir(place) and not (has_magic(place) and glob(place)):
                raise RunError("no such directory", key=place)
        self._runs: dict[str, WatchedRun] = {}
        self._plans: dict[str, tuple[FileState | None, SweepPlan | None]] = {}
        self._locks: dict[str, WatchedLock] = {}
        self._apart: dict[str, tuple[dict[str, _Overrides], dict[str, str]]] = {}

    def look(self, now: float | None = None) -> View:
        """What all of it looks like now (s since the epoch; by default what the clock says)."""
        now = time.time() if now is None else now
        settings: dict[str, str] = {}
        sweeps: list[SweepView] = []
        passed_over: list[tuple[str, str]] = []
        empty: list[str] = []
        places = self._expanded()
        for place in places:  # grows by the sweeps that are found in a folder of them
            try:
                plan = self._plan(place)
            except RunError as error:
                passed_over.append((place, str(error)))
                plan = None
            if plan is not None and plan.points is not None:
                points = {point.run_dir: point.overrides for point in plan.points}
            else:
                points, skipped = _found(place)
                passed_over += skipped
                if plan is None and not points and not skipped:
                    inside = _sweeps_in(place)
                    places += [sweep for sweep in inside if sweep not in places]
                    empty += [] if inside else [place]
            for run_dir, apart in self._settings(place, points).items():
                settings[run_dir] = apart or settings.get(run_dir, "")
            if plan is not None:
                sweeps.append(self._sweep(place, plan, tuple(points)))
        for run_dir in settings:
            if run_dir not in self._runs:
                self._runs[run_dir] = WatchedRun(run_dir)
        waiting = {run_dir for sweep in sweeps if sweep.may_wait for run_dir in sweep.run_dirs}
        runs = [_of_sweep(run.look(now), waiting) for run in self._runs.values()]
        passed_over = [(path, why) for path, why in passed_over if path not in self._runs]
        return View(runs, settings, sweeps, passed_over, empty)

    def _expanded(self) -> list[str]:
        paths = []
        for place in self.places:
            is_pattern = not os.path.lexists(place) and has_magic(place)
            paths += sorted(glob(place)) if is_pattern else [place]
        return list(dict.fromkeys(paths))

    def _plan(self, place: str) -> SweepPlan | None:
        state = file_state(os.path.join(place, "sweep.json"))
        known = self._plans.get(place)
        if known is None or known[0] != state:
            self._plans[place] = known = state, read_plan(place)
        return known[1]

    def _sweep(self, place: str, plan: SweepPlan, run_dirs: tuple[str, ...]) -> SweepView:
        lock = self._locks.setdefault(place, WatchedLock(place))
        return SweepView(place, lock.holder(), plan.may_wait, run_dirs)

    def _settings(self, place: str, overrides: dict[str, _Overrides]) -> dict[str, str]:
        known = self._apart.get(place)
        if known is None or known[0] != overrides:
            self._apart[place] = known = overrides, settings_apart(overrides)
        return known[1]


def settings_apart(overrides: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Of each run the settings that are not the same in all of them, under short names.

    Examples
    --------
    >>> settings_apart({"a": ["data.path=x.h5", "model.lr=0.1"], "b": ["data.path=x.h5"]})
    {'a': 'lr=0.1', 'b': ''}
    """
    values = {run: parse_overrides(texts) for run, texts in overrides.items()}
    keys = dict.fromkeys(key for of_run in values.values() for key in of_run)
    differ = [key for key in keys if len({str(v.get(key, keys)) for v in values.values()}) > 1]
    names = short_names(differ)
    return {
        run: " ".join(f"{names[key]}={of_run[key]}" for key in differ if key in of_run)
        for run, of_run in values.items()
    }


def _of_sweep(run: RunView, waiting: set[str]) -> RunView:
    """A run that did not end is stopped where a queue may go on with it."""
    is_stopped = run.state == INCOMPLETE and run.run_dir in waiting
    return replace(run, state=STOPPED) if is_stopped else run


def _found(place: str) -> tuple[dict[str, _Overrides], list[tuple[str, str]]]:
    """Runs of a place without a plan, with their overrides where pointers tell; what is none."""
    try:
        found = look_for_runs([place])
    except OSError as error:
        return {}, [(place, f"can't be read: {error.strerror}")]
    runs = {run_dir: tuple(found.overrides.get(run_dir, ())) for run_dir in found.run_dirs}
    return runs, found.skipped


def _sweeps_in(folder: str) -> list[str]:
    return [
        os.path.dirname(plan)
        for plan in sorted(glob(os.path.join(escape(folder), "*", "sweep.json")))
    ]
