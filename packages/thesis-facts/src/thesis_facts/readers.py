"""Load runs into tables: a row per run, a row per epoch, and what could not be read."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl
import polars.selectors as cs

from thesis_facts.configs import read_config
from thesis_facts.discovery import Found, StrPaths, discover_runs, find_runs
from thesis_facts.errors import RunError, ThesisError
from thesis_facts.events import COMPLETE, CRASHED, read_events
from thesis_facts.histories import read_histories
from thesis_facts.run_facts import RunFacts, read_run
from thesis_facts.runs_table import runs_table
from thesis_facts.scalars import parse_rows, rows_from_events
from thesis_facts.scalars_table import RUN, parse_many, stack, table_of
from thesis_facts.summary import summarise

__all__ = ["Runs", "discover_runs", "load_runs", "read_config", "read_events", "read_histories"]

Frame = Any  # a pandas or a polars DataFrame; neither is imported before it is asked for
Skipped = tuple[str, str]


@dataclass(frozen=True)
class Runs:
    """Loaded runs; unpacks as ``runs, per_epoch, order``.

    Attributes
    ----------
    runs
        A row per run.
    epochs
        All scalars: a row per run, epoch and split, with ``run_dir`` and ``run_id``.
    order
        Run directories, in the order of the rows of ``runs``.
    skipped
        Directories and files that were passed over, each with the reason.
    per_epoch
        The rows of ``epochs`` of one run, by its directory; cut out when asked for.
    """

    runs: Frame
    epochs: Frame
    order: list[str]
    skipped: list[Skipped]
    per_epoch: Mapping[str, Frame] = field(repr=False)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.runs, self.per_epoch, self.order))


def load_runs(
    sweep_dir: StrPaths | None = None,
    run_dirs: StrPaths | None = None,
    require_complete: bool = True,
    engine: Literal["pandas", "polars"] = "pandas",
) -> Runs:
    """Load the facts of the runs of a sweep, or of those that are named.

    Parameters
    ----------
    sweep_dir, run_dirs
        Where the runs are, as for `discover_runs`; exactly one of the two.
    require_complete
        Pass over runs that crashed or are not over; with False their ``status`` says so.
    engine
        Library of the tables.

    Returns
    -------
    Runs
        Tables of the runs and of their epochs. In ``runs`` the axes and the fields of the meta
        stand under their own names, overrides under the shortest free ending of their key; a
        metric is ``metric_X_best`` at ``best_epoch``, ``_final`` at the last epoch, ``_test`` at
        the end; ``epochs`` were asked for, ``epochs_run`` were trained. A run that can't be read
        never stops the others: it stands in ``skipped`` with the reason.

    Raises
    ------
    RunError
        If not exactly one of the two is given, or there is nothing where they point.

    Examples
    --------
    >>> loaded = load_runs("outputs/multiruns/exp_1")  # doctest: +SKIP
    >>> loaded.runs.groupby("positional")["metric_auroc_best"].mean()  # doctest: +SKIP
    """
    if engine not in ("pandas", "polars"):
        raise RunError("unknown engine", found=repr(engine), expected="pandas or polars")
    with _no_garbage_collection():
        found = find_runs(sweep_dir, run_dirs)
        skipped = list(found.skipped)
        facts = _read_all(found, require_complete, skipped)
        facts, scalars = _parse_scalars(facts, skipped)
        runs = runs_table(facts, summarise(scalars, [run.best_epoch for run in facts]))
        return _assemble(runs, scalars, sorted(skipped), engine)


def _read_all(found: Found, require_complete: bool, skipped: list[Skipped]) -> list[RunFacts]:
    facts = []
    for run_dir in found.run_dirs:
        run = _read_or_skip(run_dir, found.overrides.get(run_dir), skipped)
        if run is None:
            continue
        if require_complete and run.outline.status != COMPLETE:
            skipped.append((run_dir, _why_not_complete(run)))
        else:
            facts.append(run)
    return facts


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Spare a tenth of the time: nothing is garbage before the tables stand."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_or_skip(
    run_dir: str, overrides: list[str] | None, skipped: list[Skipped]
) -> RunFacts | None:
    try:
        return read_run(run_dir, overrides)
    except ThesisError as error:
        skipped.append((run_dir, str(error)))
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        # JSON and YAML from elsewhere may hold anything, a list where a mapping belongs
        skipped.append((run_dir, f"facts of an unknown form: {error}"))
    return None


def _why_not_complete(run: RunFacts) -> str:
    if run.outline.status == CRASHED:
        return f"crashed: {run.outline.error or 'for an unknown reason'}"
    return f"incomplete: its last event is {run.outline.last['moment']}"


def _parse_scalars(
    facts: list[RunFacts], skipped: list[Skipped]
) -> tuple[list[RunFacts], pl.DataFrame]:
    """Scalars of all runs, and the runs without those that should have some but don't."""
    table, left = parse_many([run.scalars for run in facts])
    tables, lost = [table], set()
    for position in left:
        rows = _rows_of_broken(facts[position])
        if rows:
            tables.append(table_of(rows, position))
        elif facts[position].outline.status == COMPLETE:
            lost.add(position)
            skipped.append((facts[position].run_dir, "neither scalars nor epochs in its events"))
    table = stack(tables)
    if lost:
        kept = [position for position in range(len(facts)) if position not in lost]
        moved = pl.Series(range(len(kept)), dtype=pl.Int32)
        table = table.with_columns(pl.col(RUN).replace_strict(kept, moved))
        facts = [facts[position] for position in kept]
    return facts, table


def _rows_of_broken(run: RunFacts) -> list[dict[str, Any]]:
    """Rows of a run whose scalars are torn, broken or missing."""
    scalars = parse_rows(run.scalars or b"")
    if scalars.rows and not scalars.broken:
        return scalars.rows
    # where cells went astray the epoch events still say which value is which
    return rows_from_events(run.run_dir) or scalars.rows


def _assemble(
    runs: pl.DataFrame, scalars: pl.DataFrame, skipped: list[Skipped], engine: str
) -> Runs:
    position = scalars[RUN]
    epochs = scalars.drop(RUN).select(
        runs["run_dir"].gather(position), runs["run_id"].gather(position), pl.all()
    )
    order = runs["run_dir"].to_list()
    edges = np.searchsorted(position.to_numpy(), range(len(order) + 1)).tolist()
    spans = dict(zip(order, pairwise(edges), strict=True))
    frames: tuple[Frame, Frame] = (runs, epochs)
    if engine == "pandas":
        # The copy joins its hundred single columns: pandas warns who adds one to them.
        frames = (runs.to_pandas().copy(), _to_pandas_in_columns(epochs))
    return Runs(*frames, order, skipped, _PerEpoch(frames[1], spans))


def _to_pandas_in_columns(table: pl.DataFrame) -> Frame:
    """The table in pandas, a block a column: joining a million rows would take most of the time."""
    frame = table.to_pandas(split_blocks=True)
    for name in table.select(cs.numeric()).columns:
        if not table[name].has_nulls():  # memory that polars still owns, and nobody may write to
            frame[name] = frame[name].to_numpy(copy=True)
    return frame


class _PerEpoch(Mapping[str, Frame]):
    """Rows of one run at a time, cut out of the table of all when asked for."""

    def __init__(self, epochs: Frame, spans: dict[str, tuple[int, int]]) -> None:
        self._epochs = epochs
        self._spans = spans

    def __getitem__(self, run_dir: str) -> Frame:
        start, stop = self._spans[str(run_dir)]
        rows = self._epochs[start:stop]
        return rows if isinstance(rows, pl.DataFrame) else rows.reset_index(drop=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)
