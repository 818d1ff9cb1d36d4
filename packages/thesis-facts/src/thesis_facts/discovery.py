"""Find run directories: named ones, those of a sweep, those under a ``runs`` folder."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thesis_facts.durable import StrPath, write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object

StrPaths = StrPath | Iterable[StrPath]


@dataclass
class Found:
    """Run directories in order, what was passed over and why, overrides from pointers.

    ``looked`` says where there might have been runs.
    """

    run_dirs: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    overrides: dict[str, list[str]] = field(default_factory=dict)
    looked: list[str] = field(default_factory=list)
    _parents: dict[str, str] = field(default_factory=dict, repr=False)

    def resolve(self, path: str) -> str:
        """Path without symbolic links; thousands of runs share the way to their folder."""
        parent, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if parent not in self._parents:
            self._parents[parent] = os.path.realpath(parent)
        resolved = os.path.join(self._parents[parent], name)
        return os.path.realpath(resolved) if os.path.islink(resolved) else resolved

    def add(self, path: str) -> bool:
        """Take a resolved path in, if it is a run."""
        if is_run_dir(path):
            self.run_dirs.append(path)
            return True
        reason = "not a run directory" if os.path.isdir(path) else "no such directory"
        self.skipped.append((path, reason))
        return False


def discover_runs(
    sweep_dir: StrPaths | None = None, run_dirs: StrPaths | None = None
) -> list[Path]:
    """List the run directories of a sweep, or those that are named.

    Parameters
    ----------
    sweep_dir
        One or more sweep directories, or folders of sweeps or of runs; wildcards are expanded. The
        runs of a sweep are those of its pointer files; without any, the job directories inside it;
        without any, the runs beside it that carry its time stamp and name.
    run_dirs
        One or more run directories; wildcards are expanded.

    Returns
    -------
    list of Path
        Sorted, symbolic links resolved, each run once.

    Raises
    ------
    RunError
        If not exactly one of the two is given, or nothing is found.
    """
    return [Path(run_dir) for run_dir in find_runs(sweep_dir, run_dirs).run_dirs]


def write_pointer(sweep_dir: StrPath, job: int, run_dir: StrPath, overrides: list[str]) -> Path:
    """Record in a sweep directory where one of its jobs runs, as ``jobs/NNNN.json``.

    Parameters
    ----------
    sweep_dir
        Directory of the sweep, ``{output_root}/multiruns/{name}``.
    job
        Number of the job in its sweep.
    run_dir
        Directory of the job's run; stored relative to the sweep, so that an output root can be
        moved as a whole.
    overrides
        The job's overrides, as on the command line.
    """
    sweep, run = os.path.realpath(sweep_dir), os.path.realpath(run_dir)
    if not inside_output_root(run, sweep):
        raise RunError(
            "a sweep and its runs need one output root",
            found=run,
            expected=f"a directory under {_output_root(sweep)}",
        )
    content = {"job": job, "run_dir": os.path.relpath(run, sweep), "overrides": list(overrides)}
    return write_json(Path(sweep) / "jobs" / f"{job:04d}.json", content)


def find_runs(sweep_dir: StrPaths | None = None, run_dirs: StrPaths | None = None) -> Found:
    """Find runs as `discover_runs` does, and remember what was passed over.

    Raises
    ------
    RunError
        If not exactly one of the two is given, or no run directory is found.
    """
    if (sweep_dir is None) == (run_dirs is None):
        raise RunError("give either a sweep directory or run directories", do="name one of them")
    found = look_for_runs(sweep_dir, run_dirs)
    if not found.run_dirs:
        reasons = "".join(f"\n  passed over {path}: {reason}" for path, reason in found.skipped[:5])
        raise RunError(f"no runs found, looked for {' and '.join(found.looked)}{reasons}")
    return found


def look_for_runs(sweep_dir: StrPaths | None = None, run_dirs: StrPaths | None = None) -> Found:
    """Find runs where there may be none yet."""
    found = Found()
    for path in _expand(_as_list(sweep_dir if run_dirs is None else run_dirs), found):
        if run_dirs is not None or is_run_dir(path):
            found.looked.append(path)
            found.add(found.resolve(os.path.abspath(path)))
        else:
            _search_sweep(path, found)
    found.run_dirs = sorted(set(found.run_dirs))
    found.skipped = sorted(set(found.skipped))
    return found


def find_pointers(sweep_dir: StrPath) -> list[tuple[int, str, list[str]]]:
    """Job number, run directory and overrides of each pointer file that can be followed."""
    sweep = os.path.realpath(sweep_dir)
    found = []
    for pointer in _pointer_files(sweep):
        content = _read_pointer(pointer)
        if content is None or not isinstance(content.get("job"), int):
            continue
        run_dir = os.path.realpath(os.path.join(sweep, content["run_dir"]))
        if inside_output_root(run_dir, sweep):
            found.append((content["job"], run_dir, _overrides_of(content)))
    return found


def inside_output_root(run_dir: str, sweep: str) -> bool:
    """Whether a run lies under the output root of a sweep; both paths resolved."""
    return run_dir.startswith(_output_root(sweep).rstrip(os.sep) + os.sep)


def is_run_dir(path: str) -> bool:
    """Whether a directory holds the facts or the configuration of a run."""
    return any(os.path.exists(f"{path}/{mark}") for mark in ("facts", ".hydra", "cfg.yaml"))


def _search_sweep(sweep: str, found: Found) -> None:
    if not os.path.isdir(sweep):
        found.looked.append(sweep)
        found.skipped.append((sweep, "no such directory"))
        return
    if not (
        _add_pointers(sweep, found) or _add_children(sweep, found) or _add_sweeps(sweep, found)
    ):
        _add_stamped(sweep, found)


def _add_pointers(sweep: str, found: Found) -> bool:
    found.looked.append(f"{sweep}/jobs/*.json")
    pointers = _pointer_files(sweep)
    resolved = os.path.realpath(sweep)
    for pointer in pointers:
        content = _read_pointer(pointer)
        if content is None:
            found.skipped.append((pointer, "unreadable pointer file"))
            continue
        run_dir = found.resolve(os.path.join(sweep, content["run_dir"]))
        if not inside_output_root(run_dir, resolved):
            root = _output_root(resolved)
            found.skipped.append((pointer, f"points outside the output root {root}"))
        elif found.add(run_dir):
            found.overrides[run_dir] = _overrides_of(content)
    return bool(pointers)


def _pointer_files(sweep: str) -> list[str]:
    return sorted(glob.glob(f"{glob.escape(sweep)}/jobs/*.json"))


def _overrides_of(pointer: dict[str, Any]) -> list[str]:
    overrides = pointer.get("overrides")
    return [str(override) for override in overrides] if isinstance(overrides, list) else []


def _read_pointer(path: str) -> dict[str, Any] | None:
    try:
        content = read_object(path)
    except RunError:
        return None
    return content if content and isinstance(content.get("run_dir"), str) else None


def _add_children(folder: str, found: Found) -> bool:
    names = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] not in "._")
    if "runs" in names:
        folder = os.path.join(folder, "runs")
        names = sorted(os.listdir(folder))
    children = [os.path.join(folder, name) for name in names]
    found.looked.append(f"{folder}/*/facts")
    if not any(is_run_dir(child) for child in children):
        return False
    for child in children:
        found.add(found.resolve(child))
    return True


def _add_sweeps(folder: str, found: Found) -> bool:
    """Add the runs of all sweeps in a folder of them."""
    marks = [glob.glob(f"{glob.escape(folder)}/*/{mark}") for mark in ("jobs", "sweep.json")]
    sweeps = sorted({os.path.dirname(path) for paths in marks for path in paths})
    for sweep in sweeps:
        _search_sweep(sweep, found)
    return bool(sweeps)


def _add_stamped(sweep: str, found: Found) -> None:
    """Add the runs of an older sweep, which are tied to it by their names alone."""
    sweep = os.path.realpath(sweep)
    name = os.path.basename(sweep).removeprefix("exp_")
    runs = os.path.join(_output_root(sweep), "runs")
    pattern = re.compile(rf"run_{re.escape(name)}_job\d+")
    found.looked.append(f"{runs}/run_{name}_job*")
    if os.path.isdir(runs):
        for entry in sorted(os.listdir(runs)):
            if pattern.fullmatch(entry):
                found.add(found.resolve(os.path.join(runs, entry)))


def _output_root(sweep: str) -> str:
    return os.path.dirname(os.path.dirname(sweep))


def _as_list(paths: StrPaths | None) -> list[str]:
    if paths is None:
        return []
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    return [os.path.expanduser(os.fspath(path)) for path in paths]


def _expand(patterns: list[str], found: Found) -> Iterator[str]:
    for pattern in patterns:
        # a run name may itself hold brackets, from a list override
        if os.path.lexists(pattern) or not glob.has_magic(pattern):
            yield pattern
            continue
        matches = sorted(glob.glob(pattern))
        if not matches:
            found.looked.append(pattern)
        yield from matches
