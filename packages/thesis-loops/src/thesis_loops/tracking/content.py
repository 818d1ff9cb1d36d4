"""What W&B gets of a run: made of its facts on disk alone, whenever it is sent.

A run that is mirrored while it trains, one that is gone on with, and one that is sent a year later
give the same config, rows and summary. Nothing here needs wandb or torch.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thesis_facts.axes import read_axes
from thesis_facts.configs import flatten, read_config, value_at
from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.evaluation import find_evaluation
from thesis_facts.events import INCOMPLETE, Outline, read_events, read_outline
from thesis_facts.histories import History, read_histories
from thesis_facts.json_objects import read_object
from thesis_facts.locks import lock_holder
from thesis_facts.loops import loop_of
from thesis_facts.meta import read_meta
from thesis_facts.scalars import is_number

RUNNING = "running"  # beside complete, crashed and incomplete
NEEDS_REVIEW = "needs_review"
RUN_ID = "meta.run_id"
"""Key of the config that tells runs of the same name apart."""

Row = dict[str, Any]

_VALID_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST_TAG = 64
_JOB = re.compile(r"run_(?P<sweep>.+)_job(?P<number>\d+)")
# Where the model stands that a section trains.
_MODELS = {
    "classifier.trainer": "classifier.model",
    "phase1.trainer": "phase1",
    "general.trainer": "simple.mlp",
}
_PERFORMANCE = ("epoch_time_s", "throughput", "max_memory_mib")
_CIRCUMSTANCES = ("run_id", "timestamp", "git_commit", "git_dirty", "hostname", "seed", "versions")


def wandb_id(run_dir: StrPath) -> str:
    """Identifier of a run at W&B: the name of its directory, which is the same whoever sends it.

    Examples
    --------
    >>> wandb_id("outputs/runs/run_20260101-120000_seeds_job003")
    'run_20260101-120000_seeds_job003'
    >>> wandb_id("outputs/runs/lr=0.1, deep")
    'lr-0.1-deep-f1cc68a9'
    """
    name = run_name(run_dir)
    if _VALID_ID.fullmatch(name):
        return name
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    cleaned = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:100] or "run"
    return f"{cleaned}-{digest.hexdigest()[:8]}"


def run_name(run_dir: StrPath) -> str:
    """Name of the directory of a run, also where the path ends in a dot or is a link."""
    return Path(run_dir).resolve().name


def curated_config(run_dir: StrPath) -> dict[str, Any]:
    """Keys to group and filter by, and all others under ``raw/``.

    Returns
    -------
    dict
        Flat: ``model/*``, ``data/*``, ``trainer/*`` of the configuration, whatever the loop calls
        its sections; ``axes/*``; ``meta.*`` of what kind of run this is, in which circumstances;
        ``raw/*`` with the whole configuration. What a run lacks is absent.
    """
    config = _or_empty(read_config, run_dir)
    trainer = loop_of(config).trainer or "-"
    outline = _or_none(read_outline, run_dir)
    circumstances = (outline.first.get("meta") if outline else None) or {}
    meta = {name: circumstances.get(name) for name in _CIRCUMSTANCES}
    sections = {
        "model": value_at(config, _MODELS.get(trainer, "-")),
        "axes": _or_empty(read_axes, run_dir),
        "data": config.get("data"),
        "trainer": value_at(config, trainer),
        "raw": config,
    }
    keys = {
        f"{name}/{key.replace('.', '/')}": value
        for name, section in sections.items()
        if isinstance(section, Mapping)
        for key, value in flatten(section)
        if not (name == "model" and key.startswith("trainer."))  # phase1 holds both
    }
    known = {name: value for name, value in meta.items() if value is not None}
    if not _has_one_id(run_dir):
        known.pop("run_id", None)
    of_meta = flatten({**known, **_or_empty(read_meta, run_dir)})
    return keys | {f"meta.{key}": value for key, value in of_meta}


def automatic_tags(run_dir: StrPath) -> tuple[str, ...]:
    """Level, goal, family and dataset of a run as far as they are known; needs_review if it does.

    Each once: there are few, so that they stay readable.
    """
    meta = _or_empty(read_meta, run_dir)
    names = ("level", "goal", "model_family", "dataset_name")
    tags = [str(meta[name])[:_LONGEST_TAG] for name in names if meta.get(name)]
    if meta.get("needs_review"):
        tags.append(NEEDS_REVIEW)
    return tuple(dict.fromkeys(tags))


def sweep_group(run_dir: StrPath) -> str | None:
    """Name of the sweep that a run is a job of; None where it is none.

    Pointer files of sweeps tell; where there are none any more, the name of the run.
    """
    path = Path(run_dir).resolve()
    job = _JOB.fullmatch(path.name)
    if job is None:
        return None
    named = path.parent.parent / "multiruns" / f"exp_{job['sweep']}"
    others = sorted(named.parent.glob("*/")) if named.parent.is_dir() else []
    for sweep in [named, *(other for other in others if other != named)]:
        pointer = sweep / "jobs" / f"{int(job['number']):04d}.json"
        if _is_pointer_to(path, pointer):
            return sweep.name
    return named.name


def epoch_rows(run_dir: StrPath) -> list[tuple[int, Row]]:
    """Step and numbers of each epoch that has any: ``train/*``, ``val/*``, ``perf/*``, ``epoch``.

    The step is the epoch. What no split can be told of keeps its name. The same for runs of older
    systems; none where a run has no events yet.
    """
    return _rows(_or_empty(read_histories, run_dir))


def final_row(run_dir: StrPath) -> tuple[int, Row] | None:
    """The step after the last epoch: ``test/*``, and the ``epoch`` of the weights; or None."""
    events = [event for event in _or_none(read_events, run_dir) or [] if _is_test(event)]
    if not events:
        return None
    numbers = {
        f"test/{name}": value for name, value in events[-1]["metrics"].items() if is_number(value)
    }
    n_epochs = max((step + 1 for step, _ in epoch_rows(run_dir)), default=0)
    return n_epochs, numbers | {"epoch": events[-1]["epoch"]}


def rows_of(run_dir: StrPath, log_freq: int = 1) -> list[tuple[int, Row]]:
    """All rows that W&B gets of a run that is over: each epoch so often, the last, the test."""
    epochs, final = epoch_rows(run_dir), final_row(run_dir)
    kept = [row for row in epochs if row[0] % log_freq == 0 or row is epochs[-1]]
    return kept if final is None else [*kept, final]


def run_status(run_dir: StrPath) -> str:
    """Whether a run is running, complete, crashed or incomplete (interrupted, or killed)."""
    outline = _or_none(read_outline, run_dir)
    if outline is not None and outline.end is not None:
        return outline.status
    if lock_holder(run_dir) is not None:
        return RUNNING
    return INCOMPLETE if outline is None else outline.status


def summary(run_dir: StrPath) -> Row:
    """The numbers of a run, one each.

    Returns
    -------
    dict
        ``status``, ``error``, ``epochs_run``, ``best_epoch``, ``total_time_s``; ``best/*`` and
        ``final/*`` of the best and the last epoch; ``test/*``; of a classifier ``evaluation/*``:
        the test split with uncertainties, against each background where there is a signal, the
        gap between training and validation and the cost. What is unknown is absent.
    """
    outline = _or_none(read_outline, run_dir)
    histories = _or_empty(read_histories, run_dir)
    rows = dict(_rows(histories))
    best = _best_epoch(outline, histories)
    last = (outline.end or outline.last) if outline else {}
    numbers: Row = {
        "status": run_status(run_dir),
        "error": outline.error if outline else None,
        "epochs_run": len(rows),
        "best_epoch": best,
        "total_time_s": last.get("total_time_s"),
    }
    for which, epoch in (("best", best), ("final", max(rows, default=None))):
        for name, value in rows.get(epoch, {}).items():
            split, _, metric = name.partition("/")
            if split in ("train", "val"):
                numbers[f"{which}/{split}_{metric}"] = value
    _, tested = final_row(run_dir) or (0, {})
    numbers |= {name: value for name, value in tested.items() if name != "epoch"}
    numbers |= dict(_of_evaluation(_or_none(find_evaluation, run_dir) or {}))
    return {name: value for name, value in numbers.items() if value is not None}


def _rows(histories: Mapping[str, History]) -> list[tuple[int, Row]]:
    rows: dict[int, Row] = {}
    for name, history in sorted(histories.items()):
        for epoch, value in enumerate(history):
            if value is not None:
                rows.setdefault(epoch, {"epoch": epoch})[_metric_name(name)] = value
    return sorted(rows.items())


def _metric_name(name: str) -> str:
    """As W&B groups it into panels: val_auroc is val/auroc."""
    split, _, metric = name.partition("_")
    if split in ("train", "val") and metric:
        return f"{split}/{metric}"
    return f"perf/{name}" if name in _PERFORMANCE else name


def _is_test(event: Mapping[str, Any]) -> bool:
    return event["moment"] == "on_test_end" and bool(event.get("metrics"))


def _best_epoch(outline: Outline | None, histories: Mapping[str, History]) -> int | None:
    """Epoch of the best checkpoint, where the run says so; else that of the lowest loss."""
    end = (outline.end or {}) if outline else {}
    for source in (end.get("results"), end):
        if isinstance(source, Mapping) and isinstance(source.get("best_epoch"), int):
            return source["best_epoch"]
    losses = enumerate(histories.get("val_loss", []))
    known = [(loss, epoch) for epoch, loss in losses if loss is not None]
    return min(known)[1] if known else None


def _of_evaluation(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    test = value_at(evaluation, "splits.test") or {}
    sections = {
        "test": test.get("against") or test.get("metrics"),
        "gap": evaluation.get("gap"),
        "cost": evaluation.get("cost"),
    }
    for name, section in sections.items():
        yield from _numbers_in(section, f"evaluation/{name}")


def _numbers_in(section: Any, prefix: str) -> Iterator[tuple[str, float]]:
    """Numbers of a nested section; not joined by dots, which rejection_at_0.3 has of its own."""
    if is_number(section):
        yield prefix, section
    elif isinstance(section, Mapping):
        for key, value in section.items():
            yield from _numbers_in(value, f"{prefix}/{key}")


def _is_pointer_to(path: Path, pointer: Path) -> bool:
    content = _or_none(read_object, pointer) or {}
    return path == Path(pointer.parents[1], str(content.get("run_dir"))).resolve()


def _has_one_id(run_dir: StrPath) -> bool:
    """Older systems wrote another one into each event, which says nothing."""
    metas = [event.get("meta") or {} for event in _or_none(read_events, run_dir) or []]
    return len({meta["run_id"] for meta in metas if meta.get("run_id")}) == 1


def _or_empty(read: Any, run_dir: StrPath) -> dict[str, Any]:
    return _or_none(read, run_dir) or {}


def _or_none(read: Any, run_dir: StrPath) -> Any:
    """What can be read; a run may not have come so far, or an older one never had it."""
    try:
        return read(run_dir)
    except RunError:
        return None
