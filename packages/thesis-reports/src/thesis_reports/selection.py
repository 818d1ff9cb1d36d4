"""Read the runs that a report is about, and keep those that ``inputs.select`` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from thesis_facts import load_runs, read_config
from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.runs_table import as_text
from thesis_reports.config import Inputs
from thesis_reports.naming import run_names
from thesis_reports.sweeps import SweepState, sweep_states


@dataclass(frozen=True)
class SelectedRuns:
    """The runs of a report.

    Attributes
    ----------
    runs
        A row per run, complete or not, as ``thesis_facts.load_runs`` gives it, with a short
        ``name`` in front.
    epochs
        The long table of their scalars.
    configs
        Resolved config by run directory; empty where it can't be read.
    skipped
        Directories that could not be read, with the reason.
    deselected
        Directories of runs that ``inputs.select`` left out.
    sweeps
        What became of each sweep that was given.
    """

    runs: pd.DataFrame
    epochs: pd.DataFrame
    configs: dict[str, dict[str, Any]]
    skipped: list[tuple[str, str]]
    deselected: list[str]
    sweeps: list[SweepState]


@dataclass(frozen=True)
class KnownRuns:
    """What was there at an earlier time.

    Attributes
    ----------
    run_dirs, sweeps
        Runs that could be read, and sweeps.
    skipped
        What could not be read then, with the reason.
    scores
        Files with scores, by run directory and label of the split.
    """

    run_dirs: frozenset[str]
    skipped: list[tuple[str, str]]
    sweeps: frozenset[str]
    scores: Mapping[tuple[str, str], str]


def read_selected(inputs: Inputs, known: KnownRuns | None = None) -> SelectedRuns:
    """Load the runs that the inputs name, finished or not; what can't be read is in `skipped`.

    With `known`, runs that came later are passed over.
    """
    sweeps = inputs.sweeps()
    loaded = load_runs(sweep_dir=sweeps, run_dirs=inputs.run_dirs, require_complete=False)
    runs, skipped = loaded.runs, loaded.skipped
    if known is not None:
        runs = runs[runs["run_dir"].isin(known.run_dirs)].reset_index(drop=True)
        skipped = known.skipped
    points = None if known is None else {*known.run_dirs, *(path for path, _ in known.skipped)}
    states, of_run, torn = sweep_states(sweeps or (), runs, points)
    if known is not None:
        states = [state for state in states if state.path in known.sweeps]
    else:
        skipped = [*skipped, *torn]
    runs.insert(0, "name", run_names(runs["run_dir"]))
    if len(states) > 1:
        runs["sweep"] = [of_run.get(run_dir) for run_dir in runs["run_dir"]]
    kept = select(runs, inputs.select).reset_index(drop=True)
    epochs = loaded.epochs[loaded.epochs["run_dir"].isin(kept["run_dir"])].reset_index(drop=True)
    return SelectedRuns(
        kept,
        epochs,
        configs={run_dir: _config(run_dir) for run_dir in kept["run_dir"]},
        skipped=skipped,
        deselected=sorted(set(runs["run_dir"]) - set(kept["run_dir"])),
        sweeps=states,
    )


def select(runs: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """Rows that have the wanted value, or one of a list of wanted values, in each column.

    Raises
    ------
    ConfigError
        Where a column doesn't exist, or no run is left.
    """
    if not len(runs):
        return runs
    kept = runs
    for column, value in _by_column(wanted, set(runs.columns)):
        matches = [_matches(cell, value) for cell in kept[column]]
        if not any(matches):
            found = list(dict.fromkeys(as_text(_bare(cell)) for cell in kept[column]))
            raise ConfigError(
                "no run is left",
                key=f"inputs.select.{column}",
                found=as_text(value),
                expected=f"one of {', '.join(found[:8])}{', …' if len(found) > 8 else ''}",
            )
        kept = kept[matches]
    return kept


def _config(run_dir: str) -> dict[str, Any]:
    try:
        return read_config(run_dir)
    except ThesisError:
        return {}


def _by_column(wanted: Mapping[str, Any], known: set[str], prefix: str = "") -> Iterator[Any]:
    """Filters as (column, value); the dots of a column name may have come in as nesting."""
    for key, value in wanted.items():
        column = f"{prefix}{key}"
        if column in known:
            yield column, value
        elif isinstance(value, Mapping):
            yield from _by_column(value, known, f"{column}.")
        else:
            near = get_close_matches(column, known, n=1)
            raise ConfigError(
                "no such column in the runs table",
                key=f"inputs.select.{column}",
                do=f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}",
            )


def _matches(cell: object, wanted: object) -> bool:
    several = wanted if isinstance(wanted, list) else []
    return _equal(cell, wanted) or any(_equal(cell, one) for one in several)


def _equal(cell: object, wanted: object) -> bool:
    """Equal as values or as text: lists are text in the table of runs."""
    bare = _bare(cell)
    if bare is None or wanted is None:
        return bare is wanted
    return bare == wanted or as_text(bare) == as_text(wanted)


def _bare(cell: Any) -> Any:
    """A cell as plain Python, missing values as None."""
    if pd.isna(cell):
        return None
    return cell.item() if hasattr(cell, "item") else cell
