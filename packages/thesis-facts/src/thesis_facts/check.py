"""What a run directory lacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from thesis_facts.configs import read_config
from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.evaluation import find_evaluation
from thesis_facts.events import COMPLETE, CRASHED, events_file, parse_event, read_outline
from thesis_facts.json_objects import read_bytes, read_object
from thesis_facts.locks import lock_holder
from thesis_facts.meta import meta_hash, read_meta
from thesis_facts.scalars import read_scalar_rows

CHECKPOINTS = ("best_val.pt", "last.pt", "last.prev.pt")


@dataclass(frozen=True)
class Finding:
    """One thing about a run; ``is_wrong`` where it makes the run unfit for a report."""

    what: str
    is_wrong: bool = True


def check_run(run_dir: StrPath) -> list[Finding]:
    """List what is wrong with a run, and what is only worth knowing.

    Wrong are: no events or broken ones, no end, no checkpoint, no scalars or broken ones, no
    metric, a configuration, meta or evaluation that can't be read, a meta that was changed by
    hand. Of a run that a process works on nothing is wrong yet.

    Raises
    ------
    RunError
        If there is no such directory.
    """
    if not os.path.isdir(run_dir):
        raise RunError("no such run directory", key=str(run_dir))
    holder = lock_holder(run_dir)
    if holder is not None:
        return [Finding(f"running: {holder}", is_wrong=False)]
    return [
        *_check_events(run_dir),
        *_check_scalars(run_dir),
        *_check_checkpoint(run_dir),
        *_check_config(run_dir),
        *_check_meta(run_dir),
        *_check_scores(run_dir),
        *_check_evaluation(run_dir),
    ]


def _check_events(run_dir: StrPath) -> Iterator[Finding]:
    try:
        outline = read_outline(run_dir)
        text = read_bytes(events_file(run_dir)) or b""
    except RunError as error:
        yield Finding(str(error))
        return
    whole, _, tail = text.rpartition(b"\n")
    broken = sum(bool(line.strip()) and parse_event(line) is None for line in whole.split(b"\n"))
    if broken:
        yield Finding(f"events: {broken} of the lines can't be read")
    if tail and parse_event(tail) is None:
        yield Finding("events: the last line is torn")
    if outline.status == CRASHED:
        yield Finding(f"end: crashed, {outline.error}")
    elif outline.status != COMPLETE:
        yield Finding(f"end: none, the last event is {outline.last['moment']}")


def _check_scalars(run_dir: StrPath) -> Iterator[Finding]:
    try:
        scalars = read_scalar_rows(run_dir)
    except RunError as error:
        yield Finding(str(error))
        return
    if scalars.broken:
        yield Finding(f"scalars: {scalars.broken} of the rows can't be read")
    if scalars.torn:
        yield Finding("scalars: the last row is torn")
    if not scalars.rows:
        yield Finding("scalars: none")
        return
    val = [row for row in scalars.rows if row["split"] == "val"]
    if not any(row.get("val_loss") is not None for row in val):
        yield Finding("metrics: no validation loss")
    elif val[-1].get("val_loss") is None:
        yield Finding("metrics: the last validation loss is not a number")
    metrics = [value for row in scalars.rows for name, value in row.items() if "metric_" in name]
    if all(value is None for value in metrics) and _is_classifier(run_dir):
        yield Finding("metrics: none, of a classifier")
    if not any(row["split"] == "test" for row in scalars.rows):
        yield Finding("metrics: no test row", is_wrong=False)


def _is_classifier(run_dir: StrPath) -> bool:
    try:
        return read_meta(run_dir).get("goal") == "classification"
    except RunError:
        return False


def _check_checkpoint(run_dir: StrPath) -> Iterator[Finding]:
    sizes = {
        name: os.path.getsize(path)
        for name in CHECKPOINTS
        if os.path.exists(path := os.path.join(run_dir, name))
    }
    if not sizes:
        yield Finding("checkpoint: none")
    elif "best_val.pt" not in sizes:
        yield Finding("checkpoint: no best_val.pt")
    for name, size in sizes.items():
        if size == 0:
            yield Finding(f"checkpoint: {name} is empty")


def _check_config(run_dir: StrPath) -> Iterator[Finding]:
    try:
        read_config(run_dir)
    except RunError as error:
        yield Finding(f"config: {error}")


def _check_meta(run_dir: StrPath) -> Iterator[Finding]:
    facts = Path(run_dir) / "facts"
    for name in ("meta.json", "axes.json"):
        try:
            missing = read_object(facts / name) is None
        except RunError as error:
            yield Finding(str(error))
            continue
        if missing:
            yield Finding(f"{name}: none, it is inferred from the configuration", is_wrong=False)
    try:
        meta = read_meta(run_dir)
    except RunError:
        return
    if meta.get("meta_hash") != meta_hash(meta):
        yield Finding("meta.json: its fields don't belong to its hash")
    if meta.get("needs_review"):
        reasons = ", ".join(meta.get("needs_review_reason") or [])
        yield Finding(f"meta.json: needs a review ({reasons})", is_wrong=False)


def _check_scores(run_dir: StrPath) -> Iterator[Finding]:
    scores = Path(run_dir) / "scores"
    if not any(scores.glob("*.npz")):
        yield Finding("scores: none", is_wrong=False)


def _check_evaluation(run_dir: StrPath) -> Iterator[Finding]:
    try:
        find_evaluation(run_dir)  # an older run has none
    except RunError as error:
        yield Finding(f"evaluation: {error}")
